"""Which planner decides about which snapshot."""

from datetime import datetime
from typing import assert_never

from perennial_operator.plan import refused, router, serving
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.retraining import run
from perennial_operator.plan.snapshot import (
    ModelSnapshot,
    RefusedSnapshot,
    RouterSnapshot,
    RunSnapshot,
    Snapshot,
)


def decide(seen: Snapshot, now: datetime) -> Plan:
    """Return the plan for a snapshot: pure, total, deterministic."""
    match seen:
        case ModelSnapshot():
            return serving.decide(seen, now)
        case RunSnapshot():
            return run.decide(seen, now)
        case RouterSnapshot():
            return router.decide(seen, now)
        case RefusedSnapshot():
            return refused.decide(seen, now)
        case _:
            assert_never(seen)
