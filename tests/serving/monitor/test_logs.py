"""Log lines: JSON, one a record, nothing breaks out of them."""

import json
import logging
from collections.abc import Iterator

import pytest

from perennial_serving.monitor import logs

TRICKS = ["a\nb", "a\r\nlevel=error", "\x1b[31mred\x1b[0m", "a\x00b", 'a"}{"b', "\u2028", "\ud800"]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return what was logged."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize("trick", TRICKS)
def test_a_record_is_one_line_whatever_it_says(
    trick: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters are escaped in messages and extra fields."""
    logs.set_up("info")
    logging.getLogger("x").info("said %s", trick, extra={"request_id": trick})
    (line,) = written(capsys)
    assert (line["level"], line["message"]) == ("info", f"said {trick}")
    assert (line["logger"], line["request_id"]) == ("x", trick)


def test_a_traceback_belongs_to_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Not to lines of its own."""
    logs.set_up("info")
    try:
        int("x")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = written(capsys)
    assert "ValueError: invalid" in str(line["traceback"])


def test_the_level_is_a_setting_and_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Below the level, and from chatty libraries, nothing is printed."""
    logs.set_up("warning")
    logging.getLogger("x").info("no")
    logging.getLogger("uvicorn.error").info("no")
    logging.getLogger("x").warning("yes")
    assert [line["message"] for line in written(capsys)] == ["yes"]
