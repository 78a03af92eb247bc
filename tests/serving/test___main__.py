"""The start of every role: usage, findings, results, exit codes."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial_serving import __main__ as program
from perennial_serving.contract.results import Outcome, Reason, parse
from perennial_serving.testing import write_iris_onnx


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Put the hook for bugs and the root logger back."""
    hook, root = sys.excepthook, logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    sys.excepthook, root.handlers = hook, handlers
    root.setLevel(level)


@pytest.mark.parametrize("arguments", [[], ["dance"], ["fetch", "now"], ["job"]])
def test_a_wrong_call_shows_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends like wrong settings."""
    assert program.main(arguments, {}) == 78
    assert capsys.readouterr().err.startswith("usage:")


def test_wrong_settings_end_with_every_finding(tmp_path: Path) -> None:
    """In the termination message, for both roles."""
    environment = {"PERENNIAL_TERMINATION_LOG": str(tmp_path / "log"), "PERENNIAL_NO_SUCH": "1"}
    assert program.main(["serve"], environment) == 78
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert (said.outcome, said.reason) == (Outcome.INVALID, Reason.SETTINGS_INVALID)
    for name in ("NO_SUCH", "MODEL_NAME", "REVISION", "MODEL_DIGEST"):
        assert f"PERENNIAL_{name}" in said.message


def test_fetch_reports_what_it_brought(tmp_path: Path) -> None:
    """Digest and size, in the termination message."""
    digest = write_iris_onnx(tmp_path / "store")
    environment = {
        "PERENNIAL_TERMINATION_LOG": str(tmp_path / "log"),
        "PERENNIAL_MODEL_URI": (tmp_path / "store").as_uri(),
        "PERENNIAL_MODEL_DIR": str(tmp_path / "models"),
    }
    assert program.main(["fetch"], environment) == 0
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert (said.outcome, said.digest) == (Outcome.OK, digest)


def test_a_model_that_is_refused_ends_with_its_reason(tmp_path: Path) -> None:
    """Exit code 65 and the reason, from either role."""
    environment = {
        "PERENNIAL_TERMINATION_LOG": str(tmp_path / "log"),
        "PERENNIAL_MODEL_URI": (tmp_path / "nothing").as_uri(),
        "PERENNIAL_MODEL_DIR": str(tmp_path / "models"),
    }
    assert program.main(["fetch"], environment) == 65
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert (said.outcome, said.reason) == (Outcome.INVALID, Reason.NOT_FOUND)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The same words and codes as `fetch`: the model is not the one asked for."""
    write_iris_onnx(tmp_path / "models")
    environment = {
        "PERENNIAL_TERMINATION_LOG": str(tmp_path / "log"),
        "PERENNIAL_MODEL_DIR": str(tmp_path / "models"),
        "PERENNIAL_MODEL_DIGEST": "sha256:" + "0" * 64,
        "PERENNIAL_MODEL_NAME": "iris",
        "PERENNIAL_REVISION": "iris-1",
        "PERENNIAL_HOST": "127.0.0.1",
        "PERENNIAL_DATA_PORT": "0",
        "PERENNIAL_ADMIN_PORT": "0",
    }
    assert program.main(["serve"], environment) == 65
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert said.reason == Reason.DIGEST_MISMATCH


def test_a_wrong_log_level_is_a_finding_too(tmp_path: Path) -> None:
    """The log then has its default level."""
    environment = {
        "PERENNIAL_TERMINATION_LOG": str(tmp_path / "log"),
        "PERENNIAL_MODEL_URI": "file:///nothing",
        "PERENNIAL_LOG_LEVEL": "loud",
    }
    assert program.main(["fetch"], environment) == 78
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert said.message.startswith("PERENNIAL_LOG_LEVEL must be one of")


def test_a_job_that_does_not_exist_is_refused_by_the_jobs(tmp_path: Path) -> None:
    """They know their names."""
    environment = {"PERENNIAL_TERMINATION_LOG": str(tmp_path / "log")}
    assert program.main(["job", "dance"], environment) == 78
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert (said.reason, said.step) == (Reason.SETTINGS_INVALID, "dance")
