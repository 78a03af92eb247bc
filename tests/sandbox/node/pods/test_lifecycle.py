"""Tests of the order in which containers start and stop."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.pods import lifecycle
from perennial_sandbox.node.pods.lifecycle import BackOff, Step
from perennial_sandbox.node.pods.plan import PodPlan, plan_of
from perennial_sandbox.node.pods.states import ContainerState
from perennial_sandbox.node.testing import NOON, container, ended, pod, refused, running, sidecar

BACK_OFF = BackOff(base_seconds=1, limit_seconds=30)
NEW = ContainerState()
PLAN = plan_of(
    pod(
        container("web"),
        container("log"),
        initContainers=[container("fetch"), sidecar("proxy"), container("check"), sidecar("watch")],
        restartPolicy="OnFailure",
    )
)


def after(seconds: float) -> datetime:
    """Return a moment after noon."""
    return NOON + timedelta(seconds=seconds)


def step(
    plan: PodPlan, *, now: datetime = NOON, is_deleting: bool = False, **known: ContainerState
) -> Step:
    """Return the next step of a plan; containers that are not given never started."""
    states = {one.name: known.get(one.name, NEW) for one in plan.containers}
    return lifecycle.next_step(plan, states, now, back_off=BACK_OFF, is_deleting=is_deleting)


def only(policy: str) -> PodPlan:
    """Return the plan of a Pod with one main container."""
    return plan_of(pod(restartPolicy=policy))


@pytest.mark.parametrize(
    ("known", "start"),
    [
        ({}, ("fetch",)),
        ({"fetch": running()}, ()),
        ({"fetch": ended(0)}, ("proxy",)),
        ({"fetch": ended(0), "proxy": running(has_started=False)}, ()),
        ({"fetch": ended(0), "proxy": running()}, ("check",)),
        ({"fetch": ended(0), "proxy": running(), "check": ended(0)}, ("watch",)),
        (
            {"fetch": ended(0), "proxy": running(), "check": ended(0), "watch": running()},
            ("web", "log"),
        ),
    ],
)
def test_containers_start_in_order(
    known: dict[str, ContainerState], start: tuple[str, ...]
) -> None:
    """A step waits for the one before; a sidecar only for its start; the mains start together."""
    assert step(PLAN, **known) == Step(start=start)


def test_a_steady_pod_needs_nothing() -> None:
    """While everything runs there is nothing to do and no time to look again."""
    ready = {"proxy": running(), "watch": running(), "web": running(), "log": running()}
    assert step(PLAN, fetch=ended(), check=ended(), **ready) == Step()


def test_a_sidecar_that_ends_early_starts_again_beside_the_step_it_serves() -> None:
    """A later init container goes on; none after it starts before the sidecar is back."""
    known = {"fetch": ended(), "proxy": ended(1), "check": running()}
    assert step(PLAN, now=after(5), **known) == Step(start=("proxy",))


def test_init_containers_are_not_repeated() -> None:
    """Once a main container was started, what precedes it is done for good."""
    known = {"fetch": NEW, "proxy": ended(0), "watch": running(), "web": running()}
    assert step(PLAN, now=after(9), **known).start == ("proxy", "log")


@pytest.mark.parametrize(
    ("policy", "code", "starts"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_the_restart_policy_decides_about_an_ended_container(
    policy: str,
    code: int,
    starts: bool,  # noqa: FBT001  # a case's data
) -> None:
    """With nothing left to run the Pod is over."""
    found = step(only(policy), now=after(1), main=ended(code))
    assert found == (Step(start=("main",)) if starts else Step(is_over=True))


@pytest.mark.parametrize(("policy", "over"), [("Always", False), ("Never", True)])
def test_a_failed_init_container_ends_only_a_pod_that_never_restarts(
    policy: str,
    over: bool,  # noqa: FBT001  # a case's data
) -> None:
    """Otherwise it is tried again."""
    plan = plan_of(pod(initContainers=[container("init")], restartPolicy=policy))
    found = step(plan, now=after(1), init=ended(1))
    assert found == (Step(is_over=True) if over else Step(start=("init",)))


@pytest.mark.parametrize(
    ("streak", "seconds"),
    [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (99, 30)],
)
def test_delays_double_up_to_the_limit(streak: int, seconds: float) -> None:
    """The first restart is at once."""
    assert BACK_OFF.delay(streak) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "streak"), [(1, 5), (59, 5), (60, 1)])
def test_a_long_run_forgives_earlier_crashes(seconds: float, streak: int) -> None:
    """Long is twice the longest delay."""
    assert BACK_OFF.next_streak(ended(1, seconds=seconds, streak=4)) == streak


def test_a_container_that_has_not_ended_has_no_restart() -> None:
    """There is no streak to count and no moment to wait for."""
    assert (BACK_OFF.next_streak(running()), BACK_OFF.restart_at(running())) == (0, None)


def test_a_crashed_container_waits_for_its_time() -> None:
    """The step says when to look again, and starts it then."""
    crashed = ended(1, streak=3)
    waits = step(only("Always"), now=after(2), main=crashed)
    starts = step(only("Always"), now=after(5), main=crashed)
    assert (waits, starts) == (Step(look_again_at=after(5)), Step(start=("main",)))


def test_a_refused_container_is_tried_again_at_its_time() -> None:
    """What was missing may have come."""
    known = {"main": refused("ImagePullBackOff", retry_at=after(2))}
    waits = step(only("Never"), **known)
    tries = step(only("Never"), now=after(2), **known)
    assert (waits, tries) == (Step(look_again_at=after(2)), Step(start=("main",)))


@pytest.mark.parametrize(
    ("running_ones", "stop"),
    [
        (("proxy", "watch", "web", "log"), ("web", "log")),
        (("proxy", "watch", "log"), ("log",)),
        (("proxy", "watch"), ("watch",)),
        (("proxy",), ("proxy",)),
    ],
)
def test_sidecars_stop_last_and_in_reverse(
    running_ones: tuple[str, ...], stop: tuple[str, ...]
) -> None:
    """Each waits until all that uses it has ended."""
    known = {one.name: ended() for one in PLAN.containers}
    known |= {name: running() for name in running_ones}
    assert step(PLAN, is_deleting=True, **known) == Step(stop=stop)


def test_sidecars_stop_when_the_work_is_done() -> None:
    """A Job with a sidecar completes."""
    known = {"fetch": ended(), "check": ended(), "web": ended(), "log": ended()}
    assert step(PLAN, proxy=running(), watch=running(), **known) == Step(stop=("watch",))


def test_a_deleted_pod_stops_what_it_was_doing() -> None:
    """An init container is stopped as well, and nothing starts any more."""
    stops = step(PLAN, is_deleting=True, fetch=running())
    is_over = step(PLAN, is_deleting=True, fetch=ended(143))
    assert (stops, is_over) == (Step(stop=("fetch",)), Step(is_over=True))


@dataclass
class Simulation:
    """A Pod whose containers do as a script says; time passes one second a turn."""

    plan: PodPlan
    codes: dict[str, list[int]]
    now: datetime = NOON
    states: dict[str, ContainerState] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)

    def turn(self) -> bool:
        """Take one step and let every running container go one further; False at the end."""
        found = lifecycle.next_step(
            self.plan, self.states, self.now, back_off=BACK_OFF, is_deleting=False
        )
        for name in found.start:
            self.journal.append(f"start {name}")
            run = self.states[name].run + 1
            self.states[name] = running(run, started_at=self.now)
        for name in found.stop:
            self.journal.append(f"stop {name}")
            self.states[name] = ended(143, run=self.states[name].run)
        self.now += timedelta(seconds=60)
        for name, script in self.codes.items():
            if self.states[name].is_running and script:
                self.states[name] = ended(script.pop(0), run=self.states[name].run)
        return not found.is_over


CODES = st.lists(st.integers(0, 2), max_size=3)


@given(
    st.sampled_from(["OnFailure", "Never"]),
    st.fixed_dictionaries(dict.fromkeys(("fetch", "check", "web", "log"), CODES)),
)
def test_every_pod_that_can_end_ends_in_order(policy: str, codes: dict[str, list[int]]) -> None:
    """Whatever its containers do: mains come after init, sidecars leave last, nothing is left."""
    spec = [container("fetch"), sidecar("proxy"), container("check"), sidecar("watch")]
    plan = plan_of(
        pod(container("web"), container("log"), initContainers=spec, restartPolicy=policy)
    )
    scripts = {name: [*script, 0] for name, script in codes.items()}
    simulation = Simulation(plan, scripts, states={one.name: NEW for one in plan.containers})
    turns = 0
    while simulation.turn():
        turns += 1
        assert turns < 100
    seen = [line for line in simulation.journal if line.split()[1] in {"web", "log"}]
    if seen:
        assert simulation.journal.index(seen[0]) > simulation.journal.index("start watch")
    assert not any(state.is_running for state in simulation.states.values())
    stops = [line for line in simulation.journal if line.startswith("stop")]
    assert stops in (["stop watch", "stop proxy"], ["stop proxy"], [])


@given(st.data())
def test_a_step_exists_for_every_situation(data: st.DataObject) -> None:
    """No combination of states is an error; what runs is never started, what ended not stopped."""
    choices = st.sampled_from([NEW, running(), ended(0), ended(1), refused("ImagePullBackOff")])
    states = {one.name: data.draw(choices) for one in PLAN.containers}
    deleting = data.draw(st.booleans())
    found = lifecycle.next_step(PLAN, states, NOON, back_off=BACK_OFF, is_deleting=deleting)
    assert not any(states[name].is_running for name in found.start)
    assert all(states[name].is_running for name in found.stop)
    assert not (found.is_over and any(state.is_running for state in states.values()))
