"""Tests of the folders of runs."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perennial_sandbox.node.pods.states import Exit
from perennial_sandbox.node.processes import records
from perennial_sandbox.node.processes.records import Launch, Record
from perennial_sandbox.node.testing import NOON

LAUNCH = Launch(("run", "-x"), {"A": "1"}, "/", {"/in": "/local"})


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Return a run that was started at noon."""
    return records.create(tmp_path / "main" / "3", LAUNCH, streak=2, now=NOON)


def end(record: Record, code: int, *, seconds: float = 5) -> None:
    """Write the end of a run some seconds after noon."""
    records.end(record.folder, code)
    moment = (NOON + timedelta(seconds=seconds)).timestamp()
    os.utime(record.folder / "exit", (moment, moment))


def exit_of(record: Record, *, uses_logs: bool = False) -> Exit | None:
    """Return the run's end."""
    return records.exit_of(record, run_id="id", uses_logs=uses_logs)


def test_a_run_is_read_as_it_was_written(record: Record) -> None:
    """A later life of the node knows all that the first one knew."""
    assert records.read(record.folder) == record == Record(record.folder, NOON, 2, LAUNCH)
    assert (record.number, record.log.name) == (3, "log")


def test_secrets_in_the_environment_are_private(record: Record) -> None:
    """Nobody else on the host reads them."""
    modes = [path.stat().st_mode & 0o077 for path in (record.folder, record.folder / "run.json")]
    assert modes == [0, 0]


def test_a_run_without_end_is_running(record: Record) -> None:
    """Nothing is known yet."""
    assert exit_of(record) is None


@pytest.mark.parametrize(("code", "reason"), [(0, "Completed"), (3, "Error")])
def test_an_end_has_code_reason_and_times(record: Record, code: int, reason: str) -> None:
    """The time is that of the file which the shim wrote."""
    end(record, code)
    assert exit_of(record) == Exit(code, reason, NOON, NOON + timedelta(seconds=5), run_id="id")


def test_a_run_never_ends_before_it_began(record: Record) -> None:
    """Clocks may jump; Kubernetes refuses such a status."""
    end(record, 0, seconds=-5)
    found = exit_of(record)
    assert found is not None
    assert found.finished_at == NOON


def test_a_cause_of_the_node_goes_before_the_code(record: Record) -> None:
    """The first one stays: the second is its consequence."""
    records.note_cause(record.folder, "OOMKilled", "too much")
    records.note_cause(record.folder, "ContainerStatusUnknown")
    end(record, 137)
    found = exit_of(record)
    assert found is not None
    assert (found.reason, found.message) == ("OOMKilled", "too much")


@pytest.mark.parametrize(
    ("said", "code", "shown"),
    [
        (("said", "noise"), 1, "said"),
        (("", "noise"), 1, "noise"),
        (("", "noise"), 0, ""),
        (("m" * 5000, ""), 1, "m" * 4096),
        (("", "l" * 5000), 1, "l" * 2048),
        (("", "l\n" * 100), 1, "l\n" * 80),
    ],
)
def test_messages_are_cut_as_in_kubernetes(
    tmp_path: Path, said: tuple[str, str], code: int, *, shown: str
) -> None:
    """4096 bytes of the file, or at an error 2048 bytes and 80 lines of the log."""
    record = records.create(tmp_path / "0", LAUNCH, streak=0, now=NOON)
    (record.folder / "message").write_text(said[0])
    record.log.write_text(said[1])
    end(record, code)
    found = exit_of(record, uses_logs=True)
    assert found is not None
    assert found.message == shown


def test_logs_are_no_message_unless_the_container_wants_it(record: Record) -> None:
    """The policy is the container's."""
    record.log.write_text("noise")
    end(record, 1)
    found = exit_of(record)
    assert found is not None
    assert found.message == ""


def test_bytes_that_are_no_text_do_not_hurt(record: Record) -> None:
    """They are shown as replacement characters; a removed file counts as empty."""
    (record.folder / "message").write_bytes(b"\xff!")
    end(record, 0)
    broken = exit_of(record)
    (record.folder / "message").unlink()
    absent = exit_of(record)
    assert broken is not None
    assert absent is not None
    assert (broken.message, absent.message) == ("\ufffd!", "")


def test_only_two_runs_are_kept(tmp_path: Path) -> None:
    """Ordered by number, not by letters; other folders are no runs."""
    for number in (9, 10, 11):
        records.create(tmp_path / str(number), LAUNCH, streak=0, now=NOON)
    (tmp_path / "tmp").mkdir()
    records.forget_old(tmp_path)
    found = [run.name for run in records.runs_in(tmp_path)]
    assert (found, (tmp_path / "tmp").exists()) == (["10", "11"], True)


def test_a_container_without_folder_has_no_runs(tmp_path: Path) -> None:
    """It never started."""
    assert records.runs_in(tmp_path / "none") == []


def test_a_run_that_was_never_written_down_is_forgotten(tmp_path: Path) -> None:
    """The node died between two steps; nothing was started then."""
    (tmp_path / "0").mkdir()
    unread = records.read(tmp_path / "0")
    records.create(tmp_path / "1", LAUNCH, streak=0, now=NOON)
    records.forget_unfinished(tmp_path)
    assert (unread, [run.name for run in records.runs_in(tmp_path)]) == (None, ["1"])


@pytest.mark.parametrize(("text", "number"), [("12\n", 12), ("", None), ("x", None), (None, None)])
def test_a_process_id_may_not_be_written_yet(
    tmp_path: Path, text: str | None, number: int | None
) -> None:
    """An empty file is a write in progress."""
    if text is not None:
        (tmp_path / "pid").write_text(text)
    assert records.number_in(tmp_path, "pid") == number


def test_a_half_written_end_is_no_end(record: Record) -> None:
    """The file is replaced as a whole, but a damaged disk must not stop the node."""
    (record.folder / "exit").write_text("")
    assert exit_of(record) is None


def test_moments_keep_their_zone(record: Record) -> None:
    """A restart in another time zone changes nothing."""
    found = records.read(record.folder)
    assert found is not None
    assert found.started_at == datetime(2030, 1, 1, 12, tzinfo=UTC)
