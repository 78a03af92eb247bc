"""How kopf is set up: it hosts the process, watches our kinds, and writes nothing."""

import random
from collections.abc import Iterator
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
    """Return the settings of the host."""
    made = kopf.OperatorSettings()
    made.peering.standalone = True
    made.posting.enabled = False
    made.admission.managed = None
    made.scanning.disabled = True
    made.persistence.finalizer = NEVER_USED_FINALIZER
    made.persistence.diffbase_storage = NoDiffBase()
    made.persistence.progress_storage = NoProgress()
    made.watching.chunk_size = 500
    made.watching.server_timeout = 50
    made.watching.inactivity_timeout = 55
    made.watching.client_timeout = 60
    made.watching.reconnect_backoff = 1.0
    made.networking.error_backoffs = EndlessBackoffs()
    made.networking.connect_timeout = 5
    made.networking.request_timeout = 60
    made.queueing.worker_limit = None
    made.queueing.idle_timeout = 1.0
    made.process.ultimate_exiting_timeout = 20
    return made


def _spread() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret
