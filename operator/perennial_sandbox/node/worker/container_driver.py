"""One container: its current run, its health, and its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from perennial_sandbox.node import clock
from perennial_sandbox.node.kubelet_api.server import LogFile
from perennial_sandbox.node.pods import status
from perennial_sandbox.node.pods.objects import Json, at
from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.pods.states import ContainerState, Exit, Waiting
from perennial_sandbox.node.processes import records, shim
from perennial_sandbox.node.processes.records import Launch, Record
from perennial_sandbox.node.worker import checks, prober
from perennial_sandbox.node.worker.tools import Tools

# A hook that used up the grace period still leaves the process this long to end by itself.
_LEAST_AFTER_HOOK_SECONDS = 2.0
_PID_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """The container's place on this host, and whom to tell about changes."""

    folder: Path
    address: str
    id_prefix: str
    grace_seconds: int
    wake: Callable[[], None]
    tell: Callable[[str, str, str], None]  # type, reason, message of an Event


class ContainerDriver:
    """Starts, watches and ends the runs of one container."""

    def __init__(self, container: Container, place: Place, tools: Tools) -> None:
        """Know nothing yet; `adopt` looks for earlier runs."""
        self.container = container
        self._place = place
        self._tools = tools
        self._record: Record | None = None
        self._exit: Exit | None = None
        self._previous: Exit | None = None
        self._shim_pid: int | None = None
        self._waiting: Waiting | None = None
        self._has_started = False
        self._is_ready = False
        self._ended = asyncio.Event()
        self._prober: asyncio.Task[None] | None = None
        self._stopper: asyncio.Task[None] | None = None
        self._grace_seconds = float("inf")

    @property
    def state(self) -> ContainerState:
        """How far the container is."""
        record = self._record
        return ContainerState(
            run=record.number if record else -1,
            run_id=self._run_id(record) if record else "",
            started_at=record.started_at if record else None,
            exit=self._exit,
            previous=self._previous,
            streak=record.streak if record else 0,
            has_started=self._has_started,
            is_ready=self._is_ready,
            waiting=self._waiting,
        )

    @property
    def shim_pid(self) -> int | None:
        """The root of the running processes, None if none runs."""
        if self._record is None or self._exit is not None:
            return None
        if self._shim_pid is None:
            self._shim_pid = records.number_in(self._record.folder, "shim")
        return self._shim_pid

    def find_log(self, pod: Json, *, previous: bool) -> LogFile | None:
        """Return the log of the run that the Pod's status shows as the current or last one."""
        recorded = status.recorded_statuses(pod).get(self.container.name, {})
        shown = at(recorded, "lastState", "terminated") if previous else recorded
        number = str(at(shown, "containerID") or "").rpartition("/")[2]
        if not number:
            return None
        return LogFile(
            self._place.folder / number / "log",
            is_running=lambda: self.state.is_running and str(self.state.run) == number,
        )

    def adopt(self, recorded: Json | None) -> None:
        """Take over the runs of an earlier life of the node."""
        records.forget_unfinished(self._place.folder)
        folders = records.runs_in(self._place.folder)
        found = [one for folder in folders if (one := records.read(folder))]
        if not found:
            return
        if len(found) > 1:
            self._previous = self._end_of(found[-2])
        self._record = found[-1]
        self._tools.shims.adopt(self._record, self._on_end)
        self._exit = self._end_of(self._record)
        if self._exit is None:
            # What was known of its health stays true until a probe says otherwise.
            known = recorded or {}
            is_same = known.get("containerID") == self._run_id(self._record)
            self._begin(
                self._record,
                has_started=is_same and bool(known.get("started")),
                is_ready=is_same and bool(known.get("ready")),
            )

    def start(self, launch: Launch, *, folder: Path, streak: int) -> None:
        """Start a new run."""
        self._previous = self._exit or self._previous
        self._exit = None
        self._shim_pid = None
        self._waiting = None
        self._stopper = None
        self._grace_seconds = float("inf")
        self._ended.clear()
        self._record = records.create(folder, launch, streak=streak, now=clock.now())
        if not self._tools.shims.start(self._record, self._on_end):
            self._on_end()
            return
        records.forget_old(self._place.folder)
        self._place.tell("Normal", "Started", f"Started container {self.container.name}")
        self._begin(self._record, has_started=False, is_ready=False)

    def refuse(self, reason: str, message: str, retry_at: datetime) -> None:
        """Note why the container cannot start now."""
        if self._waiting is None or self._waiting.message != message:
            self._place.tell("Warning", "Failed", f"{reason}: {message}")
        self._waiting = Waiting(reason, message, retry_at)

    def hurry(self) -> None:
        """Try again at once what was refused: what was missing may be there."""
        if self._waiting is not None:
            self._waiting = replace(self._waiting, retry_at=clock.now())

    def next_folder(self) -> Path:
        """Return the folder of the next run."""
        number = self._record.number + 1 if self._record else 0
        return self._place.folder / str(number)

    def stop(self, grace_seconds: float) -> None:
        """Begin to end the run; a later call can only shorten the time it has."""
        if not self.state.is_running or grace_seconds >= self._grace_seconds:
            return
        hook_is_due = self._stopper is None
        self._cancel(self._stopper)
        self._grace_seconds = grace_seconds
        if hook_is_due:
            self._place.tell("Normal", "Killing", f"Stopping container {self.container.name}")
        self._stopper = asyncio.create_task(self._stop(grace_seconds, hook_is_due=hook_is_due))

    def kill_for_memory(self) -> None:
        """End the run at once because it uses more memory than it may."""
        if self._record is not None and self._exit is None:
            records.note_cause(self._record.folder, "OOMKilled")
            shim.kill(self._record.folder)

    def close(self) -> None:
        """Leave the container as it is; its process goes on."""
        self._cancel(self._prober)
        self._cancel(self._stopper)
        if self._record is not None:
            self._tools.shims.release(self._record)

    def _begin(self, record: Record, *, has_started: bool, is_ready: bool) -> None:
        self._has_started = has_started or self.container.startup is None
        self._is_ready = is_ready or self.container.readiness is None
        target = checks.Target(self._place.address, record.launch, self.container.ports)
        self._prober = asyncio.create_task(
            prober.probe_forever(
                self.container,
                target,
                self._on_finding,
                has_started=self._has_started,
                age_seconds=(clock.now() - record.started_at).total_seconds(),
            )
        )

    def _on_finding(self, found: prober.Finding) -> None:
        if not found.passed:
            message = f"{found.aspect.value} probe failed: {found.message}"
            self._place.tell("Warning", "Unhealthy", message)
        if found.aspect is prober.Aspect.READINESS:
            self._is_ready = found.passed
        elif not found.passed:
            self._is_ready = False
            self.stop(self._place.grace_seconds)
        else:
            self._has_started = True
        self._place.wake()

    def _on_end(self) -> None:
        if self._record is None:
            return
        shim.settle(self._record)
        self._exit = self._end_of(self._record)
        self._has_started = self._is_ready = False
        self._cancel(self._prober)
        self._ended.set()
        self._place.wake()

    async def _stop(self, grace_seconds: float, *, hook_is_due: bool) -> None:
        if self._record is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        if hook_is_due and self.container.pre_stop and grace_seconds > 0:
            await self._run_hook(self.container.pre_stop, grace_seconds)
            deadline = max(deadline, loop.time() + _LEAST_AFTER_HOOK_SECONDS)
        # Right after the start the shim may not have written the pid yet.
        while not shim.terminate(self._record.folder):
            if await self._ends_within(_PID_POLL_SECONDS):
                return
        if not await self._ends_within(deadline - loop.time()):
            shim.kill(self._record.folder)

    async def _run_hook(self, hook: Json, timeout_seconds: float) -> None:
        if "sleep" in hook:
            await self._ends_within(min(hook["sleep"]["seconds"], timeout_seconds))
            return
        if self._record is None:
            return
        target = checks.Target(self._place.address, self._record.launch, self.container.ports)
        found = await checks.outcome(hook, target, timeout_seconds=timeout_seconds)
        if not found.passed:
            self._place.tell("Warning", "FailedPreStopHook", f"PreStopHook failed: {found.message}")

    async def _ends_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._ended.wait(), max(seconds, 0))
        except TimeoutError:
            return False
        return True

    def _end_of(self, record: Record) -> Exit | None:
        uses_logs = self.container.uses_logs_as_message
        return records.exit_of(record, run_id=self._run_id(record), uses_logs=uses_logs)

    def _run_id(self, record: Record) -> str:
        return f"process://{self._place.id_prefix}/{self.container.name}/{record.number}"

    @staticmethod
    def _cancel(task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()
