"""How kopf is set up: it hosts the process, watches our kinds, and writes nothing."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import kopf

from perennial_operator.api import names

NEVER_USED_FINALIZER = f"kopf.{names.GROUP}/never-used"
BACKOFFS = (0.5, 1.0, 2.0, 4.0, 8.0)
LAST_BACKOFF = 10.0


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores no last handled state: nobody compares with it."""

    def build(self, **_: Any) -> kopf.BodyEssence:  # noqa: ANN401  # kopf's signature
        """Return nothing to compare."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:  # noqa: ANN401  # kopf's signature
        """Return no state."""
        return None

    def store(self, **_: Any) -> None:  # noqa: ANN401  # kopf's signature
        """Write nothing."""


class NoProgress(kopf.ProgressStorage):
    """Stores no progress of handlers: ours have none."""

    def fetch(self, **_: Any) -> Any:  # noqa: ANN401  # kopf's signature
        """Return no progress."""
        return None

    def store(self, **_: Any) -> None:  # noqa: ANN401  # kopf's signature
        """Write nothing."""

    def purge(self, **_: Any) -> None:  # noqa: ANN401  # kopf's signature
        """Write nothing."""

    def touch(self, **_: Any) -> None:  # noqa: ANN401  # kopf's signature
        """Write nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Leave the object as it is."""
        return essence


class EndlessBackoffs:
    """Waits between tries, for ever; each iteration starts anew."""

    def __iter__(self) -> Iterator[float]:
        """Yield rising seconds, 20 % more or less."""
        for seconds in BACKOFFS:
            yield seconds * _spread()
        while True:
            yield LAST_BACKOFF * _spread()


def settings() -> kopf.OperatorSettings:
    """Return the settings of the host; kopf itself would ignore a name that it does not know."""
    made = kopf.OperatorSettings()
    for path, value in values().items():
        section, name = path.split(".")
        part = getattr(made, section)
        if not hasattr(part, name):
            message = f"kopf has no setting {path}"
            raise AttributeError(message)
        setattr(part, name, value)
    return made


def values() -> Mapping[str, object]:
    """Return what differs from kopf's defaults, by section and name."""
    return {
        "peering.standalone": True,
        "posting.enabled": False,
        "admission.managed": None,
        "scanning.disabled": True,
        "persistence.finalizer": NEVER_USED_FINALIZER,
        "persistence.diffbase_storage": NoDiffBase(),
        "persistence.progress_storage": NoProgress(),
        "watching.chunk_size": 500,
        "watching.server_timeout": 50,
        "watching.inactivity_timeout": 55,
        "watching.client_timeout": 60,
        "watching.reconnect_backoff": 1.0,
        "networking.error_backoffs": EndlessBackoffs(),
        "networking.connect_timeout": 5,
        "networking.request_timeout": 60,
        "queueing.worker_limit": None,
        "queueing.idle_timeout": 1.0,
        "process.ultimate_exiting_timeout": 20,
    }


def _spread() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret
