"""Runs the probes of one running container and reports what they come to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from perennial_sandbox.node.pods import probing
from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.processes.commands import Outcome
from perennial_sandbox.node.worker import checks


class Aspect(Enum):
    """What a probe is about."""

    STARTUP = "Startup"
    READINESS = "Readiness"
    LIVENESS = "Liveness"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of a probe after enough equal results."""

    aspect: Aspect
    passed: bool
    message: str = ""


Report = Callable[[Finding], None]


async def probe_forever(
    container: Container,
    target: checks.Target,
    report: Report,
    *,
    has_started: bool,
    age_seconds: float,
) -> None:
    """Report changes until canceled; after a failed startup or liveness probe nothing follows."""
    if container.startup and not has_started:
        started = await _first_verdict(container.startup, target, age_seconds)
        report(Finding(Aspect.STARTUP, started.passed, started.message))
        if not started.passed:
            return
    async with asyncio.TaskGroup() as group:
        if container.readiness:
            group.create_task(
                _readiness(container.readiness, target, report, age_seconds=age_seconds)
            )
        if container.liveness:
            group.create_task(
                _liveness(container.liveness, target, report, age_seconds=age_seconds)
            )


async def _readiness(
    probe: probing.Probe, target: checks.Target, report: Report, *, age_seconds: float
) -> None:
    await asyncio.sleep(max(0.0, probe.initial_delay_seconds - age_seconds))
    tally, said = probing.Tally(), None
    while True:
        found = await checks.outcome(probe.check, target, timeout_seconds=probe.timeout_seconds)
        tally = probing.count(tally, passed=found.passed)
        verdict = probing.verdict(probe, tally)
        if verdict is not None and verdict is not said:
            said = verdict
            report(Finding(Aspect.READINESS, verdict, found.message))
        await asyncio.sleep(probe.period_seconds)


async def _liveness(
    probe: probing.Probe, target: checks.Target, report: Report, *, age_seconds: float
) -> None:
    while (found := await _first_verdict(probe, target, age_seconds)).passed:
        await asyncio.sleep(probe.period_seconds)
        age_seconds = probe.initial_delay_seconds
    report(Finding(Aspect.LIVENESS, found.passed, found.message))


async def _first_verdict(
    probe: probing.Probe, target: checks.Target, age_seconds: float
) -> Outcome:
    """Probe until a threshold is reached."""
    await asyncio.sleep(max(0.0, probe.initial_delay_seconds - age_seconds))
    tally = probing.Tally()
    while True:
        found = await checks.outcome(probe.check, target, timeout_seconds=probe.timeout_seconds)
        tally = probing.count(tally, passed=found.passed)
        if probing.verdict(probe, tally) is not None:
            return found
        await asyncio.sleep(probe.period_seconds)
