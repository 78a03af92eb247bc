"""A ModelDeployment in a simulated world, driven by its planner: what tests of rollouts say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perennial_operator.api import conditions, names
from perennial_operator.api.documents import parse
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.plan import serving
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.rollout import revisions, traffic
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.states import State
from perennial_operator.testing.builders import decision, model_deployment
from perennial_operator.testing.world import FakeCluster

MODEL = "churn"
TARGET: Mapping[str, str] = {"kind": names.MODEL_DEPLOYMENT, "name": MODEL}
PATIENCE_TICKS = 400
STRIDE_SECONDS = 2.0
QUICK: Mapping[str, Any] = {
    "canary": {"steps": [{"weight": 10, "dwell": "20s"}, {"weight": 50, "dwell": "20s"}]},
    "promotion": {"bake": "30s", "keepPreviousFor": "1m"},
}


class Rollout:
    """One model under 50 requests a second, with short steps unless `rollout` says otherwise."""

    def __init__(self, *, model: str = "one", **spec: Any) -> None:  # noqa: ANN401  # JSON
        """Put the ModelDeployment into an empty world."""
        self.model = model
        self.spec: dict[str, Any] = {"rollout": dict(QUICK), **spec}
        self.cluster = FakeCluster(model_deployment(MODEL, model=model, **self.spec))
        self.cluster.simulation.requests_per_second[MODEL] = 50

    @property
    def status(self) -> ModelDeploymentStatus:
        """Return the status as the planner wrote it."""
        document = self.cluster.document(names.MODEL_DEPLOYMENT, MODEL) or {}
        return parse.status(ModelDeploymentStatus, document)

    @property
    def state(self) -> State:
        """Return where the rollout stands."""
        return State(self.status.rollout.state)

    @property
    def candidate(self) -> str:
        """Return the name of the revision that is being rolled out."""
        return self.status.revisions.candidate

    @property
    def events(self) -> list[str]:
        """Return the reasons of all Events so far."""
        return [event.reason for event in self.cluster.events]

    def view(self, **status: Any) -> View:  # noqa: ANN401  # fields of the status
        """Return what a step would look at now; keywords replace fields of the status."""
        seen, now = self.cluster.snapshot(), self.cluster.now
        known = revisions.history(seen.children)
        return View(seen, replace(seen.status, **status), known, traffic.routers(seen, now), now)

    def tick(self, times: int = 1, *, seconds: float = 1.0) -> Plan:
        """Let the planner work so many times; return its last plan."""
        plan = Plan()
        for _ in range(times):
            plan = self.cluster.tick(serving.decide, seconds=seconds)
        return plan

    def until(self, state: State, stage: str = "") -> "Rollout":
        """Let the planner work until the rollout is in this state (and stage)."""
        for _ in range(PATIENCE_TICKS):
            rollout = self.status.rollout
            if rollout.state == state and (not stage or rollout.stage == stage):
                return self
            self.tick(seconds=STRIDE_SECONDS)
        message = f"{state.value} {stage} was not reached: {self.status.rollout}"
        raise AssertionError(message)

    def serve(self) -> "Rollout":
        """Bring the first revision to rest."""
        self.until(State.STABLE).tick(3)
        return self

    def change(self, *, model: str = "", **spec: Any) -> "Rollout":  # noqa: ANN401  # JSON
        """Edit spec as a user does."""
        self.model = model or self.model
        self.spec |= spec
        self.cluster.put(model_deployment(MODEL, model=self.model, **self.spec))
        return self

    def decide(self, action: str, *, name: str = "", **fields: Any) -> str:  # noqa: ANN401  # JSON
        """Make a Decision, let the planner work once, and return the answer."""
        name = name or f"{action.lower()}-{self.cluster.now:%H%M%S}"
        self.cluster.put(decision(name, action, target=TARGET, **fields))
        self.tick()
        return self.answer(name)

    def answer(self, name: str) -> str:
        """Return how a Decision was answered, "" if it was not."""
        found = (self.cluster.document(names.DECISION, name) or {}).get("status") or {}
        return next((str(each["reason"]) for each in found.get("conditions", ())), "")

    def on_evidence(self) -> dict[str, str]:
        """Return the fields of a Decision about the attempt and evidence as shown now."""
        rollout = self.status.rollout
        digest = rollout.seal.digest if rollout.seal else ""
        return {"attempt": rollout.attempt, "evidenceDigest": digest}

    def condition(self, type_: str) -> tuple[str, str]:
        """Return status and reason of a condition, ("", "") if it is absent."""
        found = conditions.find(self.status.conditions, type_)
        return (found.status, found.reason) if found else ("", "")

    def replicas(self) -> dict[str, int]:
        """Return the replicas of each Deployment."""
        found = {
            name: self.cluster.document("Deployment", name)
            for name in self.cluster.named("Deployment")
        }
        return {name: each["spec"]["replicas"] for name, each in found.items() if each}
