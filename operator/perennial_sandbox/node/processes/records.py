"""The folder of one run of a container: what was started, and how it ended.

run.json    what was started, when (for probes and hooks after a restart of the node)
shim, pid   process ids of the shim and of the container's own process, written by the shim
exit        the exit code, written by the shim when the process ended
cause       why the node ended it, if that is worth a reason of its own
log         standard output and error
message     the termination message
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from perennial_sandbox.node.pods.states import Exit

_MESSAGE_BYTES = 4096
_LOG_MESSAGE_BYTES = 2048
_LOG_MESSAGE_LINES = 80
_KEPT_RUNS = 2


@dataclass(frozen=True, slots=True)
class Launch:
    """All that is needed to start a container's process, and commands beside it."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    folders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known about one run."""

    folder: Path
    started_at: datetime
    streak: int
    launch: Launch

    @property
    def number(self) -> int:
        """The count of starts before this one."""
        return int(self.folder.name)

    @property
    def log(self) -> Path:
        """The file of standard output and error."""
        return self.folder / "log"


def create(folder: Path, launch: Launch, *, streak: int, now: datetime) -> Record:
    """Make the folder of a new run; nothing runs yet."""
    folder.mkdir(parents=True, mode=0o700)
    facts = {"startedAt": now.isoformat(), "streak": streak, "launch": asdict(launch)}
    _write_whole(folder / "run.json", json.dumps(facts))
    (folder / "message").touch()
    return Record(folder, now, streak, launch)


def read(folder: Path) -> Record | None:
    """Return the record of a run, None if the node stopped while it made the folder."""
    try:
        found = json.loads((folder / "run.json").read_text())
    except (OSError, ValueError):
        return None
    launch = Launch(
        tuple(found["launch"]["argv"]),
        found["launch"]["environment"],
        found["launch"]["directory"],
        found["launch"]["folders"],
    )
    started_at = datetime.fromisoformat(found["startedAt"])
    return Record(folder, started_at, found["streak"], launch)


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of a container's kept runs, oldest first."""
    if not folder.is_dir():
        return []
    return sorted((one for one in folder.iterdir() if one.name.isdecimal()), key=_number)


def forget_old(folder: Path) -> None:
    """Remove all runs but the last two: logs show the current and the previous one."""
    for old in runs_in(folder)[:-_KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)


def forget_unfinished(folder: Path) -> None:
    """Remove runs that the node began to write down and never started."""
    for one in runs_in(folder):
        if not (one / "run.json").exists():
            shutil.rmtree(one, ignore_errors=True)


def number_in(folder: Path, name: str) -> int | None:
    """Return the number in a file of the shim, None if it has not written it yet."""
    try:
        return int((folder / name).read_text())
    except (OSError, ValueError):
        return None


def end(folder: Path, code: int) -> None:
    """Write the exit code of a run whose shim could not."""
    _write_whole(folder / "exit", f"{code}\n")


def note_cause(folder: Path, reason: str, message: str = "") -> None:
    """Write why the node ends or refuses a run; the first cause stays."""
    path = folder / "cause"
    if not path.exists():
        _write_whole(path, f"{reason}\n{message}")


def exit_of(record: Record, *, run_id: str, uses_logs: bool) -> Exit | None:
    """Return how the run ended, None while it runs."""
    code = number_in(record.folder, "exit")
    if code is None:
        return None
    finished = (record.folder / "exit").stat().st_mtime
    reason, message = _cause(record.folder)
    return Exit(
        code=code,
        reason=reason or ("Completed" if code == 0 else "Error"),
        started_at=record.started_at,
        finished_at=max(datetime.fromtimestamp(finished, UTC), record.started_at),
        message=message or _message(record.folder, uses_logs=uses_logs and code != 0),
        run_id=run_id,
    )


def _cause(folder: Path) -> tuple[str, str]:
    try:
        reason, _, message = (folder / "cause").read_text().partition("\n")
    except OSError:
        return "", ""
    return reason, message


def _message(folder: Path, *, uses_logs: bool) -> str:
    written = _tail(folder / "message", _MESSAGE_BYTES, from_start=True)
    if written or not uses_logs:
        return written
    lines = _tail(folder / "log", _LOG_MESSAGE_BYTES).splitlines(keepends=True)
    return "".join(lines[-_LOG_MESSAGE_LINES:])


def _tail(path: Path, size: int, *, from_start: bool = False) -> str:
    try:
        with path.open("rb") as file:
            if not from_start:
                file.seek(max(0, path.stat().st_size - size))
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""


def _number(folder: Path) -> int:
    return int(folder.name)


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing, and nobody else reads it."""
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
