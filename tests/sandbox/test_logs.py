"""Tests of reading and following logs."""

from pathlib import Path

import pytest

from perennial_sandbox import logs
from perennial_sandbox.errors import RefusedError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a sandbox's folder with the logs of two parts."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "etcd.log").write_text("one\ntwo\nthree\n")
    (tmp_path / "logs" / "node.log").write_text("")
    return tmp_path


def test_every_part_with_a_log_is_listed(directory: Path) -> None:
    """Without a part's name all logs are meant."""
    assert list(logs.files(directory)) == ["etcd", "node"]


def test_one_part_is_found_by_its_name(directory: Path) -> None:
    """Only the log that was asked for is read."""
    assert logs.files(directory, "etcd") == {"etcd": directory / "logs" / "etcd.log"}


def test_an_unknown_part_is_refused_with_the_known_names(directory: Path) -> None:
    """The message says what could be written instead."""
    with pytest.raises(RefusedError, match="no log of etc; parts with a log: etcd, node"):
        logs.files(directory, "etc")


def test_without_a_sandbox_the_message_says_so(tmp_path: Path) -> None:
    """An empty list of names would help nobody."""
    with pytest.raises(RefusedError, match="no sandbox is up there"):
        logs.files(tmp_path, "etcd")


def test_the_end_of_a_log_is_its_last_lines(directory: Path) -> None:
    """Fewer lines than asked for are all lines."""
    log = directory / "logs" / "etcd.log"
    assert logs.last_lines(log, 2) == ["two", "three"]
    assert logs.last_lines(log, 9) == ["one", "two", "three"]


def test_following_yields_whole_new_lines_until_the_logs_are_gone(directory: Path) -> None:
    """What was there before is not repeated, and a line comes once, when it is complete."""
    files = logs.files(directory)
    steps = iter(["fo", "ur\nfive\n"])

    def grow(_seconds: float) -> None:
        added = next(steps, None)
        if added is None:
            for file in files.values():
                file.unlink()
        else:
            with files["etcd"].open("a") as log:
                log.write(added)

    assert list(logs.follow(files, pause=grow)) == [("etcd", "four"), ("etcd", "five")]
