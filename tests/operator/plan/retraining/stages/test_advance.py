"""What stages hand back."""

from perennial_operator.api.status.retrain_job import RetrainJobStatus, StepIntent
from perennial_operator.plan.retraining.stages import advance
from perennial_operator.plan.retraining.stages.advance import Advance

STATUS = RetrainJobStatus(state="Queued", intent=StepIntent("train", 1, "again-a1", "now"))


def test_leaving_a_step_forgets_its_intent_only() -> None:
    """The next stage begins with an intent of its own."""
    assert advance.leave(STATUS) == RetrainJobStatus(state="Queued")


def test_waiting_changes_nothing() -> None:
    """A look that only waits has a note, perhaps a time, and no edge."""
    found = advance.waits(STATUS, "for a Pod", seconds=5.0)

    assert found == Advance(STATUS, note="for a Pod", look_again_seconds=5.0)
