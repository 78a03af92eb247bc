"""The candidate is offered, taken, and comes to an end that the ModelDeployment decides."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.api.schema.shared_types import Condition
from perennial_operator.api.status.retrain_job import Candidate, PromotionStatus, RetrainJobStatus
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.retraining import run
from perennial_operator.plan.retraining.stages import promoting
from perennial_operator.plan.retraining.states import Event
from perennial_operator.plan.snapshot import RunFacts, RunSnapshot
from perennial_operator.testing import NOON, FakeCluster, builders, runs

REJECTED = {"attempt": "two-a1", "reason": "Breaker", "time": "2026-01-01T00:00:00Z"}


def offering(**spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose candidate passed the gate, before it is offered."""
    cluster = runs.world(**spec)
    runs.succeed(cluster)
    runs.until(cluster, "Promoting")
    return cluster


def rollout(cluster: FakeCluster, stable: str, *, completion: str = "", **fields: Any) -> None:  # noqa: ANN401  # JSON
    """Let the ModelDeployment have an attempt of our candidate, and this revision stable."""
    uid = cluster.snapshot(cluster.key).meta.uid
    status = {
        "attempt": "two-a1",
        "source": {"kind": "RetrainJob", "name": "again", "uid": uid},
        "completion": completion,
        **fields,
    }
    runs.set_stable(cluster, stable, rollout=status, revisions={"candidate": "churn-two"})


def taken() -> FakeCluster:
    """Return a world whose candidate is being rolled out."""
    cluster = offering()
    cluster.tick(run.decide)
    rollout(cluster, "one")
    cluster.tick(run.decide)
    return cluster


def test_an_offer_is_one_status_write() -> None:
    """The ModelDeployment reads it; nothing else is done."""
    cluster = offering()

    plan = cluster.tick(run.decide)

    assert plan.actions == ()
    assert cluster.status()["promotion"] == {"state": "Offered", "time": "2026-01-05T12:00:10Z"}
    assert runs.told(cluster.status())["Promoted"] == ("Unknown", reasons.OFFERED)
    assert cluster.tick(run.decide).is_empty


def test_a_taken_offer_names_revision_and_attempt() -> None:
    """And stays as it is while the rollout goes on."""
    cluster = taken()

    promotion = cluster.status()["promotion"]
    assert (promotion["state"], promotion["revision"], promotion["attempt"]) == (
        "Taken",
        "churn-two",
        "two-a1",
    )
    assert runs.told(cluster.status())["Promoted"] == ("Unknown", reasons.ROLLING_OUT)
    assert cluster.tick(run.decide).is_empty


@pytest.mark.parametrize(
    ("completion", "outcome", "told"),
    [
        ("Initial", "Promoted", ("True", reasons.PROMOTED)),
        ("Promoted", "Promoted", ("True", reasons.PROMOTED)),
        ("PromotedUnproven", "Promoted", ("True", reasons.PROMOTED)),
        ("PromotedByPerson", "Promoted", ("True", reasons.PROMOTED)),
        ("RolledBack", "RolledBack", ("False", reasons.ROLLED_BACK)),
        ("Failed", "RolledBack", ("False", reasons.ROLLED_BACK)),
        ("Withdrawn", "Superseded", ("False", reasons.SUPERSEDED)),
    ],
)
def test_the_rollout_s_end_is_the_run_s(
    completion: str, outcome: str, told: tuple[str, str]
) -> None:
    """A candidate that was rolled back is Complete: the run did its work."""
    cluster = taken()
    rollout(cluster, "one", completion=completion, message="because")

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", outcome)
    assert runs.told(status)["Promoted"] == told
    assert runs.told(status)["Complete"][0] == "True"
    assert status["promotion"]["state"] == "Ended"
    assert status["conditions"][-1]["message"] == "because"


def test_a_promotion_whose_attempt_was_not_seen_is_a_promotion() -> None:
    """The operator may have been away: the stable digest says it all."""
    cluster = offering()
    cluster.tick(run.decide)
    runs.set_stable(cluster, "two")

    cluster.tick(run.decide)

    assert cluster.status()["outcome"] == "Promoted"


@pytest.mark.parametrize(
    ("rejected", "outcome"),
    [([{"revision": "churn-two", **REJECTED}], "RolledBack"), ([], "Superseded")],
)
def test_an_attempt_that_gave_way_unseen_ends_as_it_did(
    rejected: list[dict[str, str]], outcome: str
) -> None:
    """The ModelDeployment went on to something else."""
    cluster = taken()
    runs.set_stable(cluster, "one", revisions={"rejected": rejected})

    cluster.tick(run.decide)

    assert cluster.status()["outcome"] == outcome


def test_a_pin_in_spec_wins() -> None:
    """The candidate is kept; the message says how to serve it."""
    cluster = offering()
    deployment = builders.model_deployment(model="one")
    cluster.put(deployment)

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["outcome"], status["promotion"]["state"]) == ("Kept", "Withdrawn")
    assert runs.told(status)["Promoted"] == ("False", reasons.PINNED_BY_GIT)
    assert runs.told(status)["Complete"] == ("True", reasons.KEPT)
    assert runs.CANDIDATE in status["conditions"][-1]["message"]


def test_a_pin_to_this_candidate_does_not_stop_it() -> None:
    """Git asks for the same bytes."""
    cluster = offering()
    deployment = builders.model_deployment(model="two")
    cluster.put(deployment)

    cluster.tick(run.decide)

    assert cluster.status()["promotion"]["state"] == "Offered"


def test_a_digest_that_was_rejected_is_blocked() -> None:
    """Until a person says Retry on the ModelDeployment."""
    cluster = offering()
    cluster.put(runs.revision(cluster, "two"))
    unknown = {"revision": "churn-gone", **REJECTED}
    runs.set_stable(
        cluster, "one", revisions={"rejected": [unknown, {"revision": "churn-two", **REJECTED}]}
    )

    cluster.tick(run.decide)
    status = cluster.status()

    assert status["outcome"] == "Kept"
    assert runs.told(status)["Promoted"] == ("False", reasons.BLOCKED)
    assert "create a Decision Retry for it" in status["conditions"][-1]["message"]


def test_another_champion_is_compared_first() -> None:
    """An offer that nobody took is withdrawn for it."""
    cluster = offering()
    cluster.tick(run.decide)
    runs.set_stable(cluster, "three")

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["state"], "promotion" in status) == ("Validating", False)
    assert runs.told(status)["Promoted"] == ("Unknown", reasons.NEW_CHAMPION)


def test_an_offer_that_nobody_takes_is_kept() -> None:
    """After seven days."""
    cluster = offering()
    cluster.tick(run.decide)
    cluster.advance(7 * 86_400)

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["outcome"], status["promotion"]["state"]) == ("Kept", "Withdrawn")
    assert runs.told(status)["Promoted"] == ("False", reasons.NOT_PICKED_UP)


def test_a_rollout_may_take_longer_than_an_offer() -> None:
    """Its own deadlines rule it."""
    cluster = taken()
    cluster.advance(8 * 86_400)

    assert cluster.tick(run.decide).is_empty


@pytest.mark.parametrize("missing", ["ModelDeployment", "ControllerRevision"])
def test_nothing_is_offered_to_what_was_not_seen(missing: str) -> None:
    """The store may lag, the model may be gone."""
    cluster = offering()
    cluster.remove(missing, "churn" if missing == "ModelDeployment" else "churn-one")

    cluster.tick(run.decide)

    assert cluster.status()["state"] == "Promoting"
    assert "promotion" not in cluster.status()


def looking(**fields: Any) -> RunSnapshot:  # noqa: ANN401  # of the other run's status
    """Return an offered run beside a run that was made at the same moment and is promoting."""
    cluster = offering()
    cluster.tick(run.decide)
    seen: RunSnapshot = cluster.snapshot()
    usual: dict[str, Any] = {"state": "Promoting", "promotion": PromotionStatus("Offered")}
    meta = replace(seen.meta, name="newer", uid="uid-999")
    facts = RunFacts(meta, seen.spec, RetrainJobStatus(**{**usual, **fields}))
    return replace(seen, other_runs=(facts,))


def test_the_newest_offer_wins() -> None:
    """The others are superseded."""
    found = promoting.advance(looking(), NOON)

    assert (found.edge, found.reason) == (Event.SUPERSEDED, reasons.SUPERSEDED)
    assert found.message == "run newer is newer"


@pytest.mark.parametrize(
    "fields",
    [
        {"promotion": None},
        {"promotion": PromotionStatus("Withdrawn")},
        {"state": "Finished"},
    ],
)
def test_only_offers_compete(fields: dict[str, Any]) -> None:
    """A run that ended, or offers nothing, supersedes nobody."""
    assert promoting.advance(looking(**fields), NOON).edge is None


def test_an_older_offer_gives_way() -> None:
    """By nominal time first."""
    seen = looking()
    older = replace(
        seen.other_runs[0],
        spec=replace(
            seen.spec, trigger=replace(seen.spec.trigger, nominal_time="2026-01-01T00:00:00Z")
        ),
    )

    assert promoting.advance(replace(seen, other_runs=(older,)), NOON).edge is None


def test_a_digest_that_a_person_refused_is_blocked() -> None:
    """Whatever run it comes from."""
    refused = Condition("Approved", "False", reasons.REJECTED)
    seen = looking(
        state="Finished",
        candidate=Candidate(1, runs.CANDIDATE, "s3://elsewhere"),
        conditions=(refused,),
    )

    found = promoting.advance(seen, NOON)

    assert (found.edge, found.reason) == (Event.KEPT, reasons.BLOCKED)


def test_a_source_of_the_same_name_is_another_run() -> None:
    """Only the uid tells a run from one that was deleted."""
    cluster = offering()
    cluster.tick(run.decide)
    status = {"source": {"kind": "RetrainJob", "name": "again", "uid": "older"}}
    cluster.carry_out(
        Plan(status={"revisions": {"stable": "churn-one"}, "rollout": status}), runs.MODEL_KEY
    )

    assert cluster.tick(run.decide).is_empty
