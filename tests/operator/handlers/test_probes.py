"""Liveness says why the process should be restarted."""

from datetime import datetime
from typing import Any

import kopf
import pytest

from perennial_operator.handlers import probes
from perennial_operator.handlers.probes import NotAliveError
from perennial_operator.loop.machine import Machine, Setup
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.snapshot import Snapshot
from perennial_operator.testing import OPTIONS, ScriptedCluster


def decide(_seen: Snapshot, _now: datetime) -> Plan:
    """Do nothing."""
    return Plan()


async def test_a_missing_part_fails_the_probe_at_once() -> None:
    """While all is well it answers; it is never tried again by kopf."""
    machine = Machine(ScriptedCluster(), Setup(options=OPTIONS, decide=decide, token_of=str))
    registry = kopf.OperatorRegistry()
    probes.register(registry, machine)
    (handler,) = registry._activities.get_all_handlers()  # noqa: SLF001  # kopf has no public way
    assert handler.errors == kopf.ErrorsMode.PERMANENT
    alive: Any = handler.fn
    assert alive() == "ok"
    machine.failure.set_result("recorder")
    with pytest.raises(NotAliveError, match="recorder ended"):
        alive()
    await machine.stop()
