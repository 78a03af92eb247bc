"""Last words: written where Kubernetes reads them, whatever ended the process."""

import json
import sys
from pathlib import Path

import pytest

from perennial_serving.contract.results import Outcome, Reason, Result, parse
from perennial_serving.errors import Invalid, Unavailable
from perennial_serving.monitor import termination

OK = Result(Outcome.OK, Reason.OK, digest="sha256:00")


def test_a_result_is_written_to_the_file(tmp_path: Path) -> None:
    """In the form that the operator parses."""
    termination.say(tmp_path / "log", OK)
    assert parse((tmp_path / "log").read_text()) == OK


def test_without_the_file_a_log_line_replaces_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Outside of Kubernetes nobody made the file's folder."""
    termination.say(tmp_path / "no/such/log", OK)
    assert json.loads(caplog.messages[0].partition(": ")[2])["digest"] == "sha256:00"


def ticking() -> float:
    """Return a clock that does not move."""
    return 5.0


def test_a_result_passes_unchanged() -> None:
    """The work itself knows best."""
    assert termination.ended(lambda: OK, ticking) == OK


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Invalid(Reason.NOT_FOUND, "nothing there"), Outcome.INVALID),
        (Unavailable(Reason.DISK_FULL, "nothing there"), Outcome.UNAVAILABLE),
    ],
)
def test_our_errors_become_results(error: Invalid | Unavailable, outcome: Outcome) -> None:
    """With their class, reason and sentence."""

    def work() -> Result:
        raise error

    assert termination.ended(work, ticking) == Result(outcome, error.reason, "nothing there")


def test_a_bug_leaves_its_last_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it leaves the log; the exit code is 70."""
    codes: list[int] = []
    hook = termination.hook(tmp_path / "log", codes.append)
    try:
        sum(["secret"])  # type: ignore[list-item]  # the bug
    except TypeError:
        hook(*sys.exc_info())  # type: ignore[arg-type]  # inside a handler all three are there
    said = parse((tmp_path / "log").read_text())
    assert said is not None
    assert (said.outcome, said.reason, codes) == (Outcome.BUG, Reason.INTERNAL, [70])
    assert "unsupported" not in said.message
    assert caplog.records[0].exc_info is not None
