"""The world of one run, as tests stand on it."""

import pytest

from perennial_operator.testing import builders, runs
from perennial_serving.contract import results


def test_the_run_is_the_root_and_its_model_is_stable() -> None:
    """Calls without a key mean the run."""
    cluster = runs.world(seed=7)
    seen = cluster.snapshot()

    assert (seen.meta.name, seen.spec.seed) == ("again", 7)
    assert seen.model.status.revisions.stable == "churn-one"
    assert [each.name for each in seen.model.revisions] == ["churn-one"]


def test_a_model_may_have_no_stable_revision() -> None:
    """Neither a role nor a ControllerRevision."""
    model = runs.world(stable="").snapshot().model

    assert (model.status.revisions.stable, model.revisions) == ("", ())


@pytest.mark.parametrize(
    "result", [runs.check_answer(), runs.harvest_answer(), runs.compare_answer()]
)
def test_answers_are_messages_of_the_contract(result: runs.JobResult) -> None:
    """They fit the limit and parse as what a step says."""
    parsed = results.parse(str(result.message))

    assert parsed is not None
    assert parsed.payload


def test_a_decision_names_the_run_s_evidence() -> None:
    """Unless the test says otherwise; it is not answered yet."""
    cluster = runs.world()
    runs.decide_on(cluster, "yes", "Approve", reason="good")
    (found,) = cluster.snapshot().decisions

    assert (found.spec.attempt, found.spec.evidence_digest) == ("1", runs.EVIDENCE)
    assert (found.spec.by, found.spec.reason) == ("approver", "good")
    assert runs.answer_of(cluster, "yes") == runs.answer_of(cluster, "absent") == ""


def test_a_state_that_does_not_come_is_an_error() -> None:
    """A test that waits for ever names where it stands."""
    with pytest.raises(AssertionError, match="still CheckingData after 3 ticks"):
        runs.until(runs.world(), "Queued", limit=3)


def test_other_models_have_other_digests() -> None:
    """Champion, candidate and evidence are never equal by chance."""
    assert len({runs.CHAMPION, runs.CANDIDATE, runs.EVIDENCE, builders.digest("x")}) == 4
