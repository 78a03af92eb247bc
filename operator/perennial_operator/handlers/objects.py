"""Watch events of our kinds: store and queue, nothing else; kopf still holds the object."""

from typing import Any

import kopf

from perennial_operator.cluster import kinds
from perennial_operator.loop.agenda import Agenda


def register(registry: kopf.OperatorRegistry, agenda: Agenda) -> None:
    """Let the agenda see every event of our kinds."""

    async def seen(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401  # kopf's signature
        document = dict(event["object"])
        if event["type"] == "DELETED":
            agenda.lose(document)
        else:
            agenda.see(document)

    for kind in kinds.OURS:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(seen)
