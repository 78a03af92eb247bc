"""The first that applies is desired: a choice, a pin, a changed spec, an offer, stable's model."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import decision, documents, names, reasons
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.model_deployment import (
    Chosen,
    RejectedRevision,
    ResolvedModel,
    Source,
)
from perennial_operator.api.status.retrain_job import (
    Candidate,
    Champion,
    PromotionStatus,
    RetrainJobStatus,
)
from perennial_operator.plan.rollout import desired, revisions
from perennial_operator.plan.rollout.desired import Question
from perennial_operator.plan.snapshot import Meta, RunFacts
from perennial_operator.testing import NOON, Rollout, retrain_job
from perennial_operator.testing.builders import digest, model_deployment

UNPINNED = {"uri": "s3://models/one"}


def resting(*, pinned: bool = False) -> Question:
    """Return what is asked of a model at rest whose digest was resolved, or is pinned."""
    rollout = Rollout().serve()
    view = rollout.view()
    if pinned:
        return view.question
    seen = view.seen
    spec = replace(seen.spec, model=replace(seen.spec.model, digest=""))
    roles = replace(view.roles, committed_model=revisions.model_hash(spec))
    status = replace(view.status, revisions=roles)
    return Question(replace(seen, spec=spec), status, view.known)


def run(state: str = "Offered", *, model: str = "two", **changes: Any) -> RunFacts:  # noqa: ANN401  # fields of its status
    """Return a run that offers a candidate."""
    found = {
        "candidate": Candidate(1, digest(model), f"s3://output/{model}", "onnx"),
        "promotion": PromotionStatus(state=state, time="2026-01-05T11:00:00Z"),
        **changes,
    }
    spec = documents.load(RetrainJobSpec, retrain_job()["spec"])
    meta = Meta("again", "default", "uid-run", 1, "1", NOON)
    return RunFacts(meta, spec, RetrainJobStatus(**found))


def offering(question: Question, *runs: RunFacts) -> Question:
    """Return the question with these runs."""
    return replace(question, seen=replace(question.seen, runs=runs))


def rejecting(question: Question, *names_: str) -> Question:
    """Return the question with these revisions refused."""
    entries = tuple(RejectedRevision(each, "a-a1", reasons.BREAKER, "") for each in names_)
    roles = replace(question.status.revisions, rejected=entries)
    return replace(question, status=replace(question.status, revisions=roles))


def test_at_rest_stable_is_desired() -> None:
    """An unchanged spec asks for what serves."""
    question = resting()
    assert desired.desired(question).name == question.status.revisions.stable


def test_an_offer_is_desired_and_names_its_run() -> None:
    """The candidate of a run comes with spec's other fields and the run as its source."""
    found = desired.desired(offering(resting(), run()))

    assert found.origin == desired.RETRAIN
    assert found.source == Source(names.RETRAIN_JOB, "again", "uid-run")
    assert found.identity["model"] == {
        "uri": "s3://output/two",
        "digest": digest("two"),
        "format": "onnx",
    }


def test_a_pin_wins_over_an_offer() -> None:
    """What Git pins is not replaced by a run."""
    question = resting(pinned=True)
    found = desired.desired(offering(question, run()))
    assert found.name == question.status.revisions.stable


def test_a_changed_spec_wins_over_an_offer() -> None:
    """The digest is not known yet, so nothing is."""
    question = offering(resting(), run())
    model = replace(question.seen.spec.model, uri="s3://models/new")
    spec = replace(question.seen.spec, model=model)
    changed = replace(question, seen=replace(question.seen, spec=spec))

    assert desired.desired(changed) == desired.UNKNOWN
    resolved = ResolvedModel("s3://models/new", digest("x"), "")
    known = replace(changed, status=replace(changed.status, model=resolved))
    assert desired.desired(known).origin == desired.SPEC
    refused = rejecting(known, desired.desired(known).name)
    assert desired.desired(refused).origin == desired.RETRAIN


@pytest.mark.parametrize(
    "offer",
    [
        run("Ended"),
        run("Taken"),
        run(promotion=None),
        run(candidate=None),
        run(champion=Champion("churn-other", digest("other"))),
        replace(run(), meta=replace(run().meta, is_deleting=True)),
    ],
    ids=["ended", "taken by nobody", "no offer", "no candidate", "other champion", "deleted"],
)
def test_what_is_not_a_valid_offer_is_ignored(offer: RunFacts) -> None:
    """Stable stays desired."""
    question = resting()
    found = desired.desired(offering(question, offer))
    assert found.name == question.status.revisions.stable


def test_a_taken_offer_stays_desired_while_it_rolls_out() -> None:
    """The run says Taken once it sees the attempt; that must not withdraw it."""
    question = offering(resting(), run("Taken"))
    rollout = replace(question.status.rollout, source=Source(names.RETRAIN_JOB, "again", "uid-run"))
    question = replace(question, status=replace(question.status, rollout=rollout))

    assert desired.desired(question).origin == desired.RETRAIN
    assert desired.run_of(rollout.source, question.seen) == run("Taken")
    assert desired.run_of(None, question.seen) is None


def test_a_refused_digest_is_not_taken_from_another_run() -> None:
    """Neither the same revision nor the same bytes in another revision."""
    question = offering(resting(), run(champion=Champion("", "")))
    name = desired.desired(question).name
    assert desired.desired(rejecting(question, name)).origin == desired.SPEC

    stable = question.known[question.status.revisions.stable]
    bad = replace(stable, name="churn-bad", projection={"model": {"digest": digest("two")}})
    blocked = rejecting(replace(question, known={**question.known, "churn-bad": bad}), "churn-bad")
    assert desired.desired(blocked).origin == desired.SPEC


def test_the_newest_offer_wins() -> None:
    """By nominal time, else by when it was offered."""
    later = PromotionStatus(state="Offered", time="2026-01-05T11:30:00Z")
    newer = replace(run(model="six", promotion=later), meta=replace(run().meta, name="newer"))

    found = desired.desired(offering(resting(), run(), newer))

    assert found.source == Source(names.RETRAIN_JOB, "newer", "uid-run")


def test_a_choice_holds_until_spec_changes() -> None:
    """A Rollback's revision is desired for as long as spec says what it said then."""
    rollout = Rollout().serve().change(model="two")
    rollout.tick(3)
    question = rollout.view().question
    stable, seen = question.status.revisions.stable, question.seen
    by = Chosen(stable, decision.ROLLBACK, revisions.spec_hash(seen.spec), "back")

    def choosing(chosen: Chosen) -> desired.Desired:
        roles = replace(question.status.revisions, chosen=chosen)
        return desired.desired(replace(question, status=replace(question.status, revisions=roles)))

    assert choosing(by).origin == desired.ROLLBACK
    assert choosing(by).source == Source(names.DECISION, "back")
    assert choosing(replace(by, by="")).source is None
    assert choosing(replace(by, spec_hash="other")).origin == desired.SPEC
    assert choosing(replace(by, revision="churn-gone")).origin == desired.SPEC
    assert choosing(replace(by, action=decision.RETRY)).origin == desired.RETRAIN


def test_nothing_committed_means_an_initial_rollout() -> None:
    """Spec's first revision, also when it is tried again."""
    rollout = Rollout()
    rollout.tick()
    view = rollout.view()
    assert view.desired.origin == desired.INITIAL
    chosen = Chosen(view.roles.candidate, decision.RETRY, revisions.spec_hash(view.seen.spec))
    roles = replace(view.roles, chosen=chosen)
    retried = replace(view.question, status=replace(view.status, revisions=roles))
    assert desired.desired(retried).origin == desired.INITIAL


def test_spec_s_own_revision_is_recognized() -> None:
    """By location, and by digest if one is pinned."""
    question = resting(pinned=True)
    stable = question.known[question.status.revisions.stable]
    assert desired.is_spec_s_own(stable, question)
    other = model_deployment(model="two")["spec"]["model"]
    moved = replace(question.seen.spec.model, uri=other["uri"])
    seen = replace(question.seen, spec=replace(question.seen.spec, model=moved))
    assert not desired.is_spec_s_own(stable, replace(question, seen=seen))
