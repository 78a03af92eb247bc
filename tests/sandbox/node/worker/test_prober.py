"""Tests of running probes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.pods.probing import Probe
from perennial_sandbox.node.processes.records import Launch
from perennial_sandbox.node.worker import prober
from perennial_sandbox.node.worker.checks import Target
from perennial_sandbox.node.worker.prober import Aspect, Finding

TARGET = Target("127.0.0.1", Launch((), {"PATH": "/usr/bin:/bin"}))


def probe(*words: str, failures: int = 1) -> Probe:
    """Return a probe without pauses."""
    return Probe({"exec": {"command": list(words)}}, period_seconds=0, failure_threshold=failures)


@dataclass
class Journal:
    """Collects findings and acts on each."""

    act: Callable[[Finding], None] = lambda _finding: None
    found: list[Finding] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self, finding: Finding) -> None:
        """Take a finding."""
        self.found.append(finding)
        self.act(finding)
        self.changed.set()

    async def until(self, count: int) -> list[Finding]:
        """Wait for so many findings."""
        async with asyncio.timeout(10):
            while len(self.found) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.found


async def probed(one: Container, journal: Journal, count: int, **known: bool) -> list[Finding]:
    """Probe a container until there are so many findings."""
    task = asyncio.create_task(
        prober.probe_forever(
            one, TARGET, journal.report, has_started=known.get("has_started", False), age_seconds=0
        )
    )
    found = await journal.until(count)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found


async def test_a_container_without_probes_has_no_findings() -> None:
    """The probing ends at once."""
    journal = Journal()
    await prober.probe_forever(
        Container("c"), TARGET, journal.report, has_started=False, age_seconds=0
    )
    assert journal.found == []


async def test_readiness_waits_for_the_start() -> None:
    """The startup probe comes first."""
    one = Container("c", startup=probe("true"), readiness=probe("true"))
    found = await probed(one, Journal(), 2)
    assert found == [Finding(Aspect.STARTUP, passed=True), Finding(Aspect.READINESS, passed=True)]


async def test_a_known_start_is_not_probed_again() -> None:
    """After a restart of the node."""
    one = Container("c", startup=probe("false"), readiness=probe("true"))
    found = await probed(one, Journal(), 1, has_started=True)
    assert found == [Finding(Aspect.READINESS, passed=True)]


async def test_after_a_failed_start_nothing_follows() -> None:
    """The container is ended then."""
    one = Container("c", startup=probe("false", failures=2), readiness=probe("true"))
    journal = Journal()
    await prober.probe_forever(one, TARGET, journal.report, has_started=False, age_seconds=0)
    assert journal.found == [Finding(Aspect.STARTUP, passed=False)]


async def test_readiness_is_told_when_it_changes(tmp_path: Path) -> None:
    """Not at every result."""
    switch = tmp_path / "ready"
    switch.touch()

    def act(finding: Finding) -> None:
        switch.unlink() if finding.passed else switch.touch()

    one = Container("c", readiness=probe("test", "-e", str(switch)))
    found = await probed(one, Journal(act), 4)
    assert [finding.passed for finding in found] == [True, False, True, False]


async def test_a_live_container_is_left_in_peace_until_it_fails(tmp_path: Path) -> None:
    """Success is no news; the failure carries what the check said."""
    switch = tmp_path / "alive"
    one = Container(
        "c", liveness=probe("sh", "-c", f"echo x >>{switch}; test $(wc -l <{switch}) -lt 3")
    )
    journal = Journal()
    await prober.probe_forever(one, TARGET, journal.report, has_started=False, age_seconds=0)
    assert journal.found == [Finding(Aspect.LIVENESS, passed=False)]
    assert switch.read_text() == "x\n" * 3
