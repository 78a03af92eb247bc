"""Which containers of a Pod to start and to stop now.

Init containers run one after the other, native sidecars start among them and stay; the main
containers follow. At the end the main containers stop first, then the sidecars in reverse order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial_sandbox.node.pods.plan import Container, PodPlan, Role
from perennial_sandbox.node.pods.states import ContainerState

States = Mapping[str, ContainerState]


@dataclass(frozen=True, slots=True)
class BackOff:
    """Delays between restarts: the first is at once, then doubling from the base to the limit."""

    base_seconds: float = 1.0
    limit_seconds: float = 30.0

    def delay(self, streak: int) -> timedelta:
        """Return the wait before the restart that follows this many short runs in a row."""
        if streak <= 1:
            return timedelta(0)
        exponent = min(streak - 2, 30)
        return timedelta(seconds=min(self.limit_seconds, self.base_seconds * 2**exponent))

    def next_streak(self, state: ContainerState) -> int:
        """Count the short runs up to the next start; a long run forgives the earlier ones."""
        if state.exit is None:
            return 0
        lasted = state.exit.finished_at - state.exit.started_at
        if lasted >= timedelta(seconds=2 * self.limit_seconds):
            return 1
        return state.streak + 1

    def restart_at(self, state: ContainerState) -> datetime | None:
        """Return when an ended container may start again, None if it has not ended."""
        if state.exit is None:
            return None
        return state.exit.finished_at + self.delay(self.next_streak(state))


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now, and when to look again if nothing happens before."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    look_again_at: datetime | None = None
    is_over: bool = False


def restarts(container: Container, state: ContainerState) -> bool:
    """Tell whether an ended container starts again."""
    if state.exit is None:
        return False
    if container.role is Role.SIDECAR:
        return True
    if container.role is Role.INIT or container.restart_policy == "OnFailure":
        return container.restart_policy != "Never" and state.exit.code != 0
    return container.restart_policy == "Always"


def is_initialized(plan: PodPlan, states: States) -> bool:
    """Tell whether all that precedes the main containers is done; it is not done twice."""
    if any(states[one.name].was_run for one in plan.of(Role.MAIN)):
        return True
    return all(_lets_pass(one, states[one.name]) for one in plan.of(Role.INIT, Role.SIDECAR))


def has_failed_init(plan: PodPlan, states: States) -> bool:
    """Tell whether an init container failed and will not be tried again."""
    return any(_failed_for_good(one, states[one.name]) for one in plan.of(Role.INIT))


def is_work_done(plan: PodPlan, states: States) -> bool:
    """Tell whether no main container runs or will run again."""
    if has_failed_init(plan, states):
        return True
    ended = ((one, states[one.name]) for one in plan.of(Role.MAIN))
    return all(state.exit is not None and not restarts(one, state) for one, state in ended)


def next_step(
    plan: PodPlan, states: States, now: datetime, *, back_off: BackOff, is_deleting: bool
) -> Step:
    """Return what to start and stop now."""
    if is_deleting or is_work_done(plan, states):
        return _wind_down(plan, states)
    wanted = tuple(_wanted(plan, states))
    moments = {one.name: _may_start_at(states[one.name], now, back_off) for one in wanted}
    later = [moment for moment in moments.values() if moment > now]
    return Step(
        start=tuple(name for name, moment in moments.items() if moment <= now),
        look_again_at=min(later, default=None),
    )


def _wind_down(plan: PodPlan, states: States) -> Step:
    working = [one.name for one in plan.of(Role.INIT, Role.MAIN) if states[one.name].is_running]
    if working:
        return Step(stop=tuple(working))
    sidecars = [one.name for one in plan.of(Role.SIDECAR) if states[one.name].is_running]
    return Step(stop=(sidecars[-1],)) if sidecars else Step(is_over=True)


def _wanted(plan: PodPlan, states: States) -> Iterator[Container]:
    """Yield the containers that should run and do not."""
    initialized = is_initialized(plan, states)
    for one in plan.of(Role.INIT, Role.SIDECAR):
        state = states[one.name]
        if not state.is_running and _is_due(one, state, initialized=initialized):
            yield one
        if not initialized and not _lets_pass(one, state):
            return
    for one in plan.of(Role.MAIN):
        state = states[one.name]
        if not state.was_run or restarts(one, state):
            yield one


def _is_due(container: Container, state: ContainerState, *, initialized: bool) -> bool:
    return container.role is Role.SIDECAR or not (initialized or state.has_succeeded)


def _may_start_at(state: ContainerState, now: datetime, back_off: BackOff) -> datetime:
    retry_at = state.waiting.retry_at if state.waiting else now
    return max(retry_at, back_off.restart_at(state) or now)


def _lets_pass(container: Container, state: ContainerState) -> bool:
    if container.role is Role.SIDECAR:
        return state.is_running and state.has_started
    return state.has_succeeded


def _failed_for_good(container: Container, state: ContainerState) -> bool:
    return state.exit is not None and state.exit.code != 0 and not restarts(container, state)
