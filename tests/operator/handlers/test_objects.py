"""Watch events of our kinds go into the store, and nowhere else."""

from typing import Any

import kopf

from perennial_operator.handlers import objects
from perennial_operator.loop.agenda import Agenda
from perennial_operator.loop.work_queue import WorkQueue
from perennial_operator.testing import model_deployment


def live(version: int) -> dict[str, Any]:
    """Return a model as the server has it."""
    document = model_deployment()
    known = {"uid": "u", "generation": 1, "resourceVersion": str(version)}
    return {**document, "metadata": {**document["metadata"], **known}}


async def test_events_are_stored_and_objects_stay_untouched() -> None:
    """Items of a list have no type; a deletion forgets."""
    agenda = Agenda(WorkQueue(workers=1, jitter=lambda: 1.0), monotonic=lambda: 0.0)
    registry = kopf.OperatorRegistry()
    objects.register(registry, agenda)
    handlers = registry._watching.get_all_handlers()  # noqa: SLF001  # kopf has no public way
    assert {each.selector.any_name for each in handlers if each.selector} == {
        "modeldeployments",
        "retrainjobs",
        "decisions",
    }
    seen: Any = next(iter(handlers)).fn
    first = live(5)
    await seen(event={"type": None, "object": first})
    assert first == live(5)
    assert [each.resource_version for each in agenda.store] == [5]
    await seen(event={"type": "MODIFIED", "object": live(6)})
    assert [each.resource_version for each in agenda.store] == [6]
    await seen(event={"type": "DELETED", "object": live(7)})
    assert list(agenda.store) == []
