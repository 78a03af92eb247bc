"""Logs are JSON, one object a line."""

import json
import logging
import sys

import pytest

from perennial_operator.handlers import logs


def line(**fields: object) -> dict[str, object]:
    """Return a record as it is printed."""
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "pass", **fields})
    record.created = 0
    made: dict[str, object] = json.loads(logs.JsonFormatter().format(record))
    return made


def test_a_line_has_time_level_logger_and_message() -> None:
    """And what the caller adds; empty texts and odd values are left out."""
    assert line(key="md/a/b", seconds=0.5, detail="", odd=object()) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "info",
        "logger": "x",
        "message": "pass",
        "key": "md/a/b",
        "seconds": 0.5,
    }


def test_tracebacks_are_one_field() -> None:
    """So that a line stays a line."""
    try:
        int("bug")
    except ValueError:
        made = line(exc_info=sys.exc_info())
    assert "ValueError: invalid literal" in str(made["traceback"])


def test_chatty_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Only their warnings are printed."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.configure("info")
        logging.getLogger("kopf.objects").info("noise")
        logging.getLogger("perennial_operator.x").info("news")
    finally:
        root.handlers, root.level = before
    assert [json.loads(each)["message"] for each in capsys.readouterr().err.splitlines()] == [
        "news"
    ]
