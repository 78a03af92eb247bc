"""How far a container is, as a value that restarts of the node can rebuild from files."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of one run of a container."""

    code: int
    reason: str
    started_at: datetime
    finished_at: datetime
    message: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container cannot start, and when to try again."""

    reason: str
    message: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container now. `run` counts starts from 0; -1 says that it never started."""

    run: int = -1
    run_id: str = ""
    started_at: datetime | None = None
    exit: Exit | None = None
    previous: Exit | None = None
    streak: int = 0
    has_started: bool = False
    is_ready: bool = False
    waiting: Waiting | None = None

    @property
    def is_running(self) -> bool:
        """A process exists."""
        return self.started_at is not None and self.exit is None

    @property
    def was_run(self) -> bool:
        """The container was started at least once."""
        return self.run >= 0

    @property
    def has_succeeded(self) -> bool:
        """The last run ended with exit code 0."""
        return self.exit is not None and self.exit.code == 0
