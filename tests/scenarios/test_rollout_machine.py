"""Rollouts under everything at once: harm, crashes, people, edits, silence; the invariants hold."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perennial_operator.api import decision, names
from perennial_operator.api.documents import dump
from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.plan import serving
from perennial_operator.plan.actions import Apply, Plan
from perennial_operator.plan.rollout import pods, traffic
from perennial_operator.plan.rollout.states import AT_REST, State
from perennial_operator.plan.snapshot import Missing, ModelSnapshot
from perennial_operator.testing import PodBehavior, Rollout
from perennial_operator.testing.rollouts import QUICK

MODELS = ("one", "two", "three")
STATUS_LIMIT_BYTES = 8192
NEVER = 1e9


class RolloutMachine(RuleBasedStateMachine):
    """One model, served from the start; every rule is something that happens in a cluster."""

    def __init__(self) -> None:
        """Start with a model at rest."""
        super().__init__()
        self.rollout = Rollout(replicas=2).serve()
        self.world = self.rollout.cluster.simulation
        self.epoch = 0
        self.count = 0

    @rule(ticks=st.integers(1, 15), seconds=st.sampled_from([1.0, 3.0]))
    def time_passes(self, ticks: int, seconds: float) -> None:
        """Let the planner work."""
        for _ in range(ticks):
            self.rollout.cluster.tick(self.checked, seconds=seconds)

    @rule()
    def a_long_time_passes(self) -> None:
        """Deadlines end."""
        for _ in range(6):
            self.rollout.cluster.tick(self.checked, seconds=300)

    @rule(ticks=st.integers(1, 5))
    def routers_are_not_read(self, ticks: int) -> None:
        """Evidence is missing: no step is passed."""
        before = self.rollout.status.rollout

        def blind(seen: ModelSnapshot, now: datetime) -> Plan:
            return self.checked(replace(seen, traffic=Missing("NotRead")), now)

        for _ in range(ticks):
            self.rollout.cluster.tick(blind)
        after = self.rollout.status.rollout
        if (before.state, before.stage) == ("Canary", "Collect"):
            assert after.state != State.PROMOTING
            assert after.attempt != before.attempt or after.step <= before.step

    @rule()
    def the_operator_dies_after_its_status(self) -> None:
        """Write the intent, and nothing else."""
        cluster = self.rollout.cluster
        plan = self.checked(cluster.snapshot(), cluster.now)
        cluster.carry_out(Plan(status=plan.status))
        cluster.advance(1)

    @rule(groups=st.integers(1, 3))
    def the_operator_dies_between_two_acts(self, groups: int) -> None:
        """Write some children, and others not."""
        cluster = self.rollout.cluster
        plan = self.checked(cluster.snapshot(), cluster.now)
        cluster.carry_out(replace(plan, actions=plan.actions[:groups]))
        cluster.advance(1)

    @rule()
    def the_status_is_lost(self) -> None:
        """Restore the object from a backup."""
        self.rollout.cluster.carry_out(Plan(status={}))

    @rule(model=st.sampled_from(MODELS))
    def spec_names_a_model(self, model: str) -> None:
        """Edit, supersede or take back."""
        self.rollout.change(model=model)

    @rule(weight=st.integers(1, 90), asks=st.booleans())
    def steps_are_edited(self, weight: int, asks: bool) -> None:  # noqa: FBT001  # drawn
        """Another canary for the same model."""
        steps = [{"weight": weight, "dwell": "5s"}, {"weight": 95, "dwell": "5s"}]
        approval = {"promotion": asks, "timeout": "10m"}
        self.rollout.change(rollout={**QUICK, "canary": {"steps": steps}, "approval": approval})

    @rule(replicas=st.integers(1, 5))
    def replicas_change(self, replicas: int) -> None:
        """Scale, as a user or an autoscaler does."""
        self.rollout.change(replicas=replicas)

    @rule(share=st.sampled_from([0.0, 0.3, 1.0]))
    def the_candidate_answers_badly(self, share: float) -> None:
        """Or well again."""
        self.world.errors = {self.rollout.candidate: share}

    @rule(is_broken=st.booleans())
    def the_candidate_crashes(self, is_broken: bool) -> None:  # noqa: FBT001  # drawn
        """Or stops crashing."""
        bad = {self.rollout.candidate: PodBehavior(exit_code=1)}
        self.world.pods = bad if is_broken and self.rollout.candidate else {}

    @rule(number=st.integers(0, 2))
    def routers_come_and_go(self, number: int) -> None:
        """None, one or two router Pods are ready."""
        self.world.routers = number

    @rule(is_willing=st.booleans())
    def routers_take_over(self, is_willing: bool) -> None:  # noqa: FBT001  # drawn
        """Or stay with the old weights."""
        self.world.acknowledge = is_willing

    @rule(has_room=st.booleans())
    def the_cluster_has_room(self, has_room: bool) -> None:  # noqa: FBT001  # drawn
        """Let new Pods become ready, or never."""
        self.world.start_seconds = 1 if has_room else NEVER

    @rule(action=st.sampled_from([decision.APPROVE, decision.REJECT, decision.PROMOTE]))
    def a_person_judges(self, action: str) -> None:
        """On the evidence as shown now."""
        self.made(action, **self.rollout.on_evidence())

    @rule()
    def a_person_aborts(self) -> None:
        """Abort the attempt that is shown."""
        self.made(decision.ABORT, attempt=self.rollout.status.rollout.attempt or "0123456789-a1")

    @rule()
    def a_person_rolls_back(self) -> None:
        """To the revision before."""
        self.made(decision.ROLLBACK)

    @rule()
    def a_person_retries(self) -> None:
        """Retry what was refused last."""
        rejected = self.rollout.status.revisions.rejected
        if rejected:
            self.made(decision.RETRY, revision=rejected[-1].revision)

    def made(self, action: str, **fields: Any) -> None:  # noqa: ANN401  # JSON
        """Make a Decision; it is answered in the next pass."""
        self.count += 1
        name = f"decision-{self.count}"
        answer = self.rollout.decide(action, name=name, **fields)
        assert answer

    def checked(self, seen: ModelSnapshot, now: datetime) -> Plan:
        """Decide, and check the plan against what was seen."""
        plan = serving.decide(seen, now)
        assert plan == serving.decide(seen, now)
        if plan.status is not None:
            self.check_weights(seen, plan.status, now)
        self.check_replicas(seen, plan)
        return plan

    def check_weights(self, seen: ModelSnapshot, status: Any, now: datetime) -> None:  # noqa: ANN401  # JSON
        """Weight rises only on ready capacity, and never on what was refused."""
        weights, roles = status["rollout"]["intent"]["weights"], status["revisions"]
        assert weights["stable"] + weights["candidate"] == WEIGHT_SUM
        before = seen.status.rollout.intent.weights.candidate
        if weights["candidate"] <= before or seen.status_is_lost:
            return
        name, need = roles["candidate"], status["rollout"]["need"]
        ready = pods.settled(pods.of(seen.pods, name), now)
        assert ready >= pods.needed(weights["candidate"], need)
        assert name not in {each["revision"] for each in roles.get("rejected", ())}

    def check_replicas(self, seen: ModelSnapshot, plan: Plan) -> None:
        """Check that what routers still send requests to keeps its Pods."""
        routers = traffic.routers(seen, self.rollout.cluster.now)
        live = {
            child.name: child.document["spec"]["replicas"]
            for child in seen.children
            if child.kind == "Deployment"
        }
        for action in (each for group in plan.actions for each in group):
            if not isinstance(action, Apply) or action.object["kind"] != "Deployment":
                continue
            name = action.object["metadata"]["name"]
            wanted = action.object["spec"]["replicas"]
            if wanted == 0 and live.get(name, 0) > 0:
                assert routers.weight(name) == 0

    @invariant()
    def epochs_only_rise(self) -> None:
        """No router is ever told less than it knows."""
        name = names.routing_intent_name("churn")
        view = self.rollout.view()
        child = next((each for each in view.seen.children if each.name == name), None)
        told = traffic.live_intent(child)
        assert told is not None
        assert sum(arm.weight for arm in told.arms) == WEIGHT_SUM
        assert told.epoch >= self.epoch
        self.epoch = told.epoch

    @invariant()
    def something_is_stable(self) -> None:
        """After the first commit there is always one; promotion numbers are unique."""
        status = self.rollout.status
        if status == type(status)():
            return
        assert status.revisions.stable
        assert status.revisions.stable != status.revisions.candidate
        known = self.rollout.view().known.values()
        numbers = [each.promotion for each in known if each.promotion]
        assert len(numbers) == len(set(numbers))

    @invariant()
    def status_stays_small(self) -> None:
        """Every list is bounded."""
        assert len(str(dump(self.rollout.status))) <= STATUS_LIMIT_BYTES

    def teardown(self) -> None:
        """With everything healed, the rollout comes to rest, and then it is silent."""
        world = self.world
        world.errors, world.pods, world.routers = {}, {}, 1
        world.acknowledge, world.start_seconds = True, 1
        self.rollout.change(rollout=dict(QUICK))
        for _ in range(200):
            self.rollout.cluster.tick(self.checked, seconds=5)
        assert self.rollout.state in AT_REST - {State.NEW, State.FAILED}
        before = self.rollout.cluster.writes
        self.rollout.cluster.tick(self.checked, seconds=5)
        assert self.rollout.cluster.writes == before


RolloutMachine.TestCase.settings = settings(
    max_examples=10,
    derandomize=True,  # the same worlds on every change; other seeds are for long runs
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
TestRollouts = RolloutMachine.TestCase
