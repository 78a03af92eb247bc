"""Whole runs in simulated time: the real planner, the real store, a small world."""

import copy
from collections.abc import Callable, Iterator

import pytest

from perennial_operator.api import names, reasons
from perennial_operator.plan.actions import Action, Plan
from perennial_operator.plan.retraining import run
from perennial_operator.testing import FakeCluster, JobResult, builders, runs

Script = Callable[[FakeCluster], None]

FAILING = runs.metric(p_pass=0.99, p_fail=0.001)
UNDECIDED = runs.metric(p_pass=0.4, p_fail=0.6)
UNTESTED = runs.metric(p_pass=None, p_fail=None, champion=None, difference=None)
OUT_OF_MEMORY = JobResult("", exit_code=137, reason="OOMKilled")
KILLED = JobResult("", exit_code=143, reason="Error")


def follow(cluster: FakeCluster, *, limit: int = 120) -> list[str]:
    """Tick until the run is finished; return the states that it went through."""
    states: list[str] = []
    for _ in range(limit):
        state = cluster.status().get("state", "")
        if state and (not states or states[-1] != state):
            states.append(state)
        if state == "Finished":
            return states
        cluster.tick(run.decide)
        roll_out(cluster)
    message = f"still in {states} after {limit} ticks"
    raise AssertionError(message)


def roll_out(cluster: FakeCluster, *, completion: str = "PromotedUnproven") -> None:
    """Act as the ModelDeployment: take an offer, and promote what was taken."""
    status = cluster.status()
    state = (status.get("promotion") or {}).get("state")
    if state not in ("Offered", "Taken"):
        return
    source = {"kind": names.RETRAIN_JOB, "name": "again", "uid": status["runId"]}
    rollout = {"attempt": "two-a1", "source": source}
    if state == "Offered":
        runs.set_stable(cluster, "one", rollout=rollout, revisions={"candidate": "churn-two"})
        return
    stable = "one" if completion == "RolledBack" else "two"
    runs.set_stable(cluster, stable, rollout={**rollout, "completion": completion})


def reasons_of(cluster: FakeCluster) -> list[str]:
    """Return the Events of the run, in their order."""
    return [event.reason for event in cluster.events]


def test_a_run_is_accepted() -> None:
    """From a trigger to a promoted model, each edge told once."""
    cluster = runs.world()
    runs.succeed(cluster)

    states = follow(cluster)

    assert states == [
        "CheckingData",
        "Queued",
        "Training",
        "Harvesting",
        "Validating",
        "Promoting",
        "Finished",
    ]
    status = cluster.status()
    assert status["outcome"] == "Promoted"
    assert runs.told(status) == {
        "DataReady": ("True", reasons.RESOLVED),
        "Trained": ("True", reasons.HARVESTED),
        "Validated": ("True", reasons.PASSED),
        "Approved": ("True", reasons.NOT_REQUIRED),
        "Promoted": ("True", reasons.PROMOTED),
        "Complete": ("True", reasons.PROMOTED),
    }
    assert reasons_of(cluster) == ["RetrainStarted", "CandidateReady", "GatePassed", "RunEnded"]
    assert cluster.named("Job") == (
        "again-a1",
        "again-check-1",
        "again-harvest-1",
        "again-validate-1",
    )


def test_a_worse_candidate_is_refused() -> None:
    """Complete, Rejected, with the numbers; the model was never asked."""
    cluster = runs.world()
    runs.succeed(cluster, validate=runs.compare_answer(FAILING))

    states = follow(cluster)

    status = cluster.status()
    assert "Promoting" not in states
    assert status["outcome"] == "Rejected"
    assert "promotion" not in status
    assert runs.told(status)["Complete"] == ("True", reasons.CANDIDATE_REJECTED)
    assert status["validation"]["metrics"][0]["verdict"] == "Fail"


def test_a_trainer_that_refuses_fails_the_run() -> None:
    """Failed, with its last words and the next step."""
    cluster = runs.world()
    runs.succeed(cluster, train=JobResult("label has one class", exit_code=65))

    follow(cluster)

    status = cluster.status()
    assert status["outcome"] == "Failed"
    assert runs.told(status)["Failed"] == ("True", reasons.TRAINER_REFUSED)
    assert "label has one class" in status["conditions"][-1]["message"]
    assert reasons_of(cluster) == ["RetrainStarted", "TrainingFailed", "RunEnded"]


def test_a_trainer_without_memory_fails_the_run_after_its_attempts() -> None:
    """Each attempt is a Job of its own; the reason is the memory's."""
    cluster = runs.world()
    runs.succeed(cluster)
    cluster.simulation.jobs |= {f"again-a{n}": OUT_OF_MEMORY for n in (1, 2, 3)}

    follow(cluster)

    status = cluster.status()
    assert [each["reason"] for each in status["attempts"]] == [reasons.OOM_KILLED] * 3
    assert runs.told(status)["Failed"] == ("True", reasons.OOM_KILLED)
    trained = [name for name in cluster.named("Job") if name.startswith("again-a")]
    assert trained == ["again-a1", "again-a2", "again-a3"]


def test_a_killed_pod_costs_one_attempt() -> None:
    """The next one succeeds, and its result is the candidate."""
    cluster = runs.world()
    runs.succeed(cluster, train=KILLED)
    cluster.simulation.jobs["again-a2"] = JobResult()

    states = follow(cluster)

    status = cluster.status()
    assert states.count("Queued") == 2
    assert (status["outcome"], status["candidate"]["attempt"]) == ("Promoted", 2)
    assert [each["exitCode"] for each in status["attempts"]] == [143]


def test_an_inconclusive_gate_asks_a_person() -> None:
    """Whose approval of this evidence offers the candidate."""
    cluster = runs.world()
    runs.succeed(cluster, validate=runs.compare_answer(UNDECIDED))
    runs.until(cluster, "AwaitingApproval")
    runs.decide_on(cluster, "mine", "Approve", by="scientist")
    runs.decide_on(cluster, "old", "Approve", evidenceDigest=builders.digest("old"))
    cluster.tick(run.decide)
    assert cluster.status()["state"] == "AwaitingApproval"
    runs.decide_on(cluster, "yes", "Approve")

    follow(cluster)

    assert cluster.status()["outcome"] == "Promoted"
    answers = [runs.answer_of(cluster, name) for name in ("mine", "old", "yes")]
    assert answers == [reasons.SELF_APPROVAL, reasons.DIGEST_MISMATCH, reasons.ACCEPTED]
    assert reasons_of(cluster) == [
        "RetrainStarted",
        "CandidateReady",
        "GateInconclusive",
        "ApprovalNeeded",
        "RunEnded",
    ]


def test_a_run_without_a_champion_asks_a_person_and_waits_for_a_stable_model() -> None:
    """Nothing was compared; when a model is stable, it is, after all."""
    cluster = runs.world(stable="")
    runs.succeed(cluster, validate=runs.compare_answer(UNTESTED, champion_digest=""))
    cluster.simulation.jobs["again-validate-2"] = runs.compare_answer()
    runs.until(cluster, "AwaitingApproval")
    runs.decide_on(cluster, "yes", "Approve")
    runs.until(cluster, "Promoting")
    runs.set_stable(cluster, "one")

    states = follow(cluster)

    assert states == ["Promoting", "Validating", "Promoting", "Finished"]
    assert cluster.status()["outcome"] == "Promoted"


@pytest.mark.parametrize("ticks", range(14))
def test_a_run_is_aborted_at_any_moment(ticks: int) -> None:
    """No matter what was under way, it ends Canceled and nothing keeps running."""
    cluster = runs.world()
    runs.succeed(cluster)
    for _ in range(ticks):
        cluster.tick(run.decide)
    is_over = cluster.status().get("state") == "Finished"
    runs.decide_on(cluster, "stop", "Abort")

    follow(cluster)
    cluster.tick(run.decide)

    assert not is_over
    assert cluster.status()["outcome"] == "Canceled"
    assert runs.answer_of(cluster, "stop") == reasons.ACCEPTED
    promotion = cluster.status().get("promotion") or {"state": "Withdrawn"}
    assert promotion["state"] == "Withdrawn"
    for name in cluster.named("Job"):
        assert (cluster.document("Job", name) or {})["status"]["conditions"]


def test_a_candidate_that_is_rolled_back_ends_so() -> None:
    """The run did its work; its condition says what became of it."""
    cluster = runs.world()
    runs.succeed(cluster)
    runs.until(cluster, "Promoting")
    for _ in range(4):
        cluster.tick(run.decide)
        roll_out(cluster, completion="RolledBack")

    cluster.tick(run.decide)

    assert cluster.status()["outcome"] == "RolledBack"
    assert runs.told(cluster.status())["Promoted"] == ("False", reasons.ROLLED_BACK)


def slowly(cluster: FakeCluster) -> None:
    """Let a good run go its way."""
    runs.succeed(cluster)


def stumbling(cluster: FakeCluster) -> None:
    """Let every step lose its first try and the trainer its first attempt."""
    lost = JobResult("", exit_code=1)
    cluster.simulation.jobs |= {
        "again-check-1": lost,
        "again-check-2": runs.check_answer(),
        "again-a1": KILLED,
        "again-a2": JobResult(),
        "again-harvest-1": lost,
        "again-harvest-2": runs.harvest_answer(),
        "again-validate-1": lost,
        "again-validate-2": runs.compare_answer(),
    }


def refused(cluster: FakeCluster) -> None:
    """Let the gate refuse."""
    runs.succeed(cluster, validate=runs.compare_answer(FAILING))


def partial(plan: Plan, acts: int) -> Plan:
    """Return what a process writes that dies after so many acts; the status is the first."""
    if acts == 0:
        return Plan()
    flat: list[Action] = [action for group in plan.actions for action in group]
    return Plan(status=plan.status, actions=(tuple(flat[: acts - 1]),))


def crashes(script: Script) -> Iterator[FakeCluster]:
    """Yield the world after a run in which the operator died once: at each act of each pass."""
    cluster = runs.world()
    script(cluster)
    while cluster.status().get("state") != "Finished":
        plan = run.decide(cluster.snapshot(), cluster.now)
        for acts in range(3):
            twin = copy.deepcopy(cluster)
            twin.carry_out(partial(plan, acts))
            follow(twin)
            yield twin
        cluster.tick(run.decide)
        roll_out(cluster)


@pytest.mark.parametrize("script", [slowly, stumbling, refused])
def test_a_crash_between_any_two_acts_changes_nothing(script: Script) -> None:
    """The same outcome, conditions and children as without it; each child once."""
    whole = runs.world()
    script(whole)
    follow(whole)

    ends = [end_of(cluster) for cluster in crashes(script)]

    assert len(ends) >= 30
    assert ends == [end_of(whole)] * len(ends)


def end_of(cluster: FakeCluster) -> tuple[object, ...]:
    """Return what a crash must not change."""
    status = cluster.status()
    attempts = [each["reason"] for each in status.get("attempts", ())]
    return status["outcome"], runs.told(status), attempts, cluster.named("Job")


def test_a_finished_run_is_quiet_for_ever() -> None:
    """After its clean-up there is not one write."""
    cluster = runs.world()
    runs.succeed(cluster)
    follow(cluster)
    cluster.advance(3_700)
    cluster.tick(run.decide)
    before = cluster.writes

    for _ in range(10):
        assert cluster.tick(run.decide, seconds=600).is_empty

    assert cluster.writes == before


def test_two_runs_of_a_full_namespace_take_turns() -> None:
    """The third waits until one of the others no longer computes."""
    cluster = runs.world()
    third = cluster.key
    for name in ("aaa", "bbb"):
        cluster.put(builders.retrain_job(name))
    keys = [type(third)(third.kind, third.namespace, name) for name in ("again", "aaa", "bbb")]
    for key in (*keys, *keys):
        cluster.tick(run.decide, key)
    states = [cluster.status(key)["state"] for key in keys]
    assert sorted(states) == ["CheckingData", "CheckingData", "Pending"]

    waiting = keys[states.index("Pending")]
    busy = keys[states.index("CheckingData")]
    cluster.simulation.jobs[f"{busy.name}-check-1"] = runs.check_answer(train_rows=1)
    for _ in range(3):
        cluster.tick(run.decide, busy)
    cluster.tick(run.decide, waiting)

    assert cluster.status(waiting)["state"] == "CheckingData"
