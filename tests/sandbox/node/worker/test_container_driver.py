"""Tests of driving one container."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.pods.probing import Probe
from perennial_sandbox.node.processes import shim
from perennial_sandbox.node.processes.records import Launch, runs_in
from perennial_sandbox.node.testing import NOON, FakeApi, tools, until
from perennial_sandbox.node.worker.container_driver import ContainerDriver, Place

PATH = {"PATH": "/usr/bin:/bin"}
FAST = {"period_seconds": 0, "failure_threshold": 1}


class Bench:
    """Makes drivers for one container folder, as lives of the node would."""

    def __init__(self, folder: Path) -> None:
        """Start with an empty folder."""
        self.folder = folder
        self.told: list[tuple[str, str, str]] = []
        self._client = FakeApi().client()
        self._drivers: list[ContainerDriver] = []

    def driver(self, recorded: Json | None = None, **fields: Any) -> ContainerDriver:  # noqa: ANN401  # of a plan
        """Return a driver that has looked for earlier runs."""
        place = Place(
            folder=self.folder,
            address="127.0.0.1",
            id_prefix="uid",
            grace_seconds=5,
            wake=lambda: None,
            tell=lambda *words: self.told.append(words),
        )
        made = ContainerDriver(Container("main", **fields), place, tools(self.folder, self._client))
        made.adopt(recorded)
        self._drivers.append(made)
        return made

    def start(self, driver: ContainerDriver, script: str, streak: int = 0) -> None:
        """Start a shell script."""
        launch = Launch(("sh", "-c", script), PATH)
        driver.start(launch, folder=driver.next_folder(), streak=streak)

    def reasons(self) -> list[str]:
        """Return the reasons of all events."""
        return [reason for _, reason, _ in self.told]

    async def close(self) -> None:
        """End everything."""
        for driver in self._drivers:
            driver.close()
        for run in runs_in(self.folder):
            shim.kill(run)
            await until(lambda one=run: shim.running_shim(one) is None)
        await self._client.__aexit__(None, None, None)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """Yield a bench and end what it started."""
    made = Bench(folder / "main")
    try:
        yield made
    finally:
        await made.close()


async def test_a_container_without_probes_is_ready_when_it_runs(tmp_path: Path) -> None:
    """And no more when it has ended."""
    async with bench(tmp_path) as one:
        driver = one.driver()
        never = driver.state
        one.start(driver, "exec sleep 1000", streak=3)
        running = driver.state
        driver.stop(5)
        await until(lambda: driver.state.exit)
        ended = driver.state
    assert (never.run, never.is_running) == (-1, False)
    assert (running.run, running.run_id, running.streak) == (0, "process://uid/main/0", 3)
    assert (running.has_started, running.is_ready, running.is_running) == (True, True, True)
    assert ended.exit is not None
    assert (ended.exit.code, ended.has_started, ended.is_ready) == (143, False, False)
    assert one.reasons() == ["Started", "Killing"]


async def test_a_restart_keeps_the_previous_end(tmp_path: Path) -> None:
    """And only the folders of the last two runs."""
    async with bench(tmp_path) as one:
        driver = one.driver()
        for code in (1, 2, 3):
            one.start(driver, f"exit {code}")
            await until(lambda: driver.state.exit)
        state = driver.state
    assert state.exit is not None
    assert state.previous is not None
    assert (state.run, state.exit.code, state.previous.code) == (2, 3, 2)
    assert [run.name for run in runs_in(one.folder)] == ["1", "2"]


async def test_a_start_that_fails_is_an_end(tmp_path: Path) -> None:
    """With the reason that people know."""
    async with bench(tmp_path) as one:
        driver = one.driver()
        driver.start(Launch(("no-such",), PATH), folder=driver.next_folder(), streak=0)
        state = driver.state
    assert state.exit is not None
    assert (state.exit.code, state.exit.reason) == (128, "StartError")


async def test_a_refusal_is_told_once_and_can_be_hurried(tmp_path: Path) -> None:
    """The same message again is no news; a start ends the wait."""
    async with bench(tmp_path) as one:
        driver = one.driver()
        driver.hurry()
        for _ in range(2):
            driver.refuse("ImagePullBackOff", "no image", NOON)
        refused = driver.state.waiting
        driver.hurry()
        hurried = driver.state.waiting
        one.start(driver, "exit 0")
        started = driver.state.waiting
    assert one.reasons()[:1] == ["Failed"]
    assert one.reasons().count("Failed") == 1
    assert refused is not None
    assert hurried is not None
    assert (refused.retry_at, hurried.retry_at < NOON, started) == (NOON, True, None)


async def test_a_stubborn_process_is_killed(tmp_path: Path) -> None:
    """After the grace period; a second request can only shorten it."""
    async with bench(tmp_path) as one:
        driver = one.driver()
        one.start(driver, "trap '' TERM; echo up; while :; do sleep 0.01; done")
        await until((one.folder / "0" / "log").read_text)
        driver.stop(600)
        driver.stop(900)
        driver.stop(0)
        await until(lambda: driver.state.exit)
        state = driver.state
    assert state.exit is not None
    assert (state.exit.code, one.reasons().count("Killing")) == (137, 1)


async def test_a_hook_runs_before_the_signal(tmp_path: Path) -> None:
    """A failed one is told and changes nothing else."""
    mark = tmp_path / "mark"
    hook = {"exec": {"command": ["sh", "-c", f"echo hook >{mark}; exit 1"]}}
    async with bench(tmp_path) as one:
        driver = one.driver(pre_stop=hook)
        one.start(driver, f"trap 'cat {mark}; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        log = one.folder / "0" / "log"
        await until(lambda: "up" in log.read_text())
        driver.stop(5)
        await until(lambda: driver.state.exit)
    assert log.read_text() == "up\nhook\n"
    assert "FailedPreStopHook" in one.reasons()


async def test_a_sleeping_hook_ends_with_its_container(tmp_path: Path) -> None:
    """Nobody waits for the rest."""
    async with bench(tmp_path) as one:
        driver = one.driver(pre_stop={"sleep": {"seconds": 600}})
        one.start(driver, "exec sleep 1000")
        driver.stop(900)
        await until(lambda: shim.running_shim(one.folder / "0"))
        shim.kill(one.folder / "0")
        await until(lambda: driver.state.exit)
        code = driver.state.exit
    assert code is not None
    assert code.code == 137


async def test_memory_is_a_reason_of_its_own(tmp_path: Path) -> None:
    """Only a running container can use too much."""
    async with bench(tmp_path) as one:
        driver = one.driver()
        driver.kill_for_memory()
        nothing = driver.shim_pid
        one.start(driver, "exec sleep 1000")
        await until(lambda: driver.shim_pid)
        driver.kill_for_memory()
        await until(lambda: driver.state.exit)
        driver.kill_for_memory()
        state, after = driver.state, driver.shim_pid
    assert state.exit is not None
    assert (nothing, state.exit.code, state.exit.reason, after) == (None, 137, "OOMKilled", None)


async def test_readiness_follows_the_probe(tmp_path: Path) -> None:
    """A failure is told as an event."""
    switch = tmp_path / "ready"
    probe = Probe({"exec": {"command": ["test", "-e", str(switch)]}}, **FAST)
    async with bench(tmp_path) as one:
        driver = one.driver(readiness=probe)
        one.start(driver, "exec sleep 1000")
        await until(lambda: "Unhealthy" in one.reasons())
        before = driver.state.is_ready
        switch.touch()
        await until(lambda: driver.state.is_ready)
    assert not before


async def test_a_failed_liveness_probe_ends_the_run(tmp_path: Path) -> None:
    """With the Pod's grace."""
    probe = Probe({"exec": {"command": ["false"]}}, **FAST)
    async with bench(tmp_path) as one:
        driver = one.driver(liveness=probe)
        one.start(driver, "exec sleep 1000")
        await until(lambda: driver.state.exit)
    assert one.reasons() == ["Started", "Unhealthy", "Killing"]


async def test_a_start_is_reached_by_its_probe(tmp_path: Path) -> None:
    """Until then the container has not started."""
    probe = Probe({"exec": {"command": ["true"]}}, **FAST)
    async with bench(tmp_path) as one:
        driver = one.driver(startup=probe)
        one.start(driver, "exec sleep 1000")
        before = driver.state.has_started
        await until(lambda: driver.state.has_started)
    assert not before


async def test_a_second_life_takes_over(tmp_path: Path) -> None:
    """What the server recorded about this very run stays true until a probe says otherwise."""
    never = Probe({"exec": {"command": ["true"]}}, initial_delay_seconds=10**12)
    async with bench(tmp_path) as one:
        first = one.driver()
        one.start(first, "exit 1")
        await until(lambda: first.state.exit)
        one.start(first, "exec sleep 1000")
        await until(lambda: shim.running_shim(one.folder / "1"))
        recorded = {"containerID": "process://uid/main/1", "started": True, "ready": True}
        healthy = one.driver(recorded, readiness=never, startup=never).state
        other = one.driver({**recorded, "containerID": "x"}, readiness=never).state
        unknown = one.driver(None, readiness=never).state
    assert healthy.previous is not None
    assert (healthy.run, healthy.previous.code) == (1, 1)
    assert (healthy.has_started, healthy.is_ready) == (True, True)
    assert (other.is_ready, unknown.is_ready) == (False, False)


async def test_a_second_life_learns_an_end(tmp_path: Path) -> None:
    """A run that the first life began to write down and never started is forgotten."""
    async with bench(tmp_path) as one:
        first = one.driver()
        one.start(first, "exit 7")
        await until(lambda: first.state.exit)
        (one.folder / "1").mkdir()
        second = one.driver()
        state, folder = second.state, second.next_folder()
    assert state.exit is not None
    assert (state.run, state.exit.code, folder.name) == (0, 7, "1")


async def test_logs_are_those_of_the_recorded_runs(tmp_path: Path) -> None:
    """As `kubectl logs` and `kubectl logs --previous` mean it."""
    recorded = {
        "name": "main",
        "containerID": "process://uid/main/4",
        "lastState": {"terminated": {"containerID": "process://uid/main/3"}},
    }
    shown = {"status": {"containerStatuses": [recorded]}}
    async with bench(tmp_path) as one:
        driver = one.driver()
        current = driver.find_log(shown, previous=False)
        previous = driver.find_log(shown, previous=True)
        unknown = driver.find_log({"status": {}}, previous=False)
    assert current is not None
    assert previous is not None
    assert (current.path.parent.name, previous.path.parent.name, unknown) == ("4", "3", None)
    assert not current.is_running()
