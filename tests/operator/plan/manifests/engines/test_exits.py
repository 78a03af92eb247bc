"""The exit rows of the trainer contract."""

import pytest

from perennial_operator.api import reasons
from perennial_operator.plan.manifests.engines import exits
from perennial_operator.plan.manifests.engines.attempt import Reaction
from perennial_operator.plan.manifests.engines.exits import Row


@pytest.mark.parametrize(
    ("code", "reason", "row"),
    [
        (64, "Error", Row(reasons.TRAINER_REFUSED, Reaction.NEVER)),
        (65, "Error", Row(reasons.TRAINER_REFUSED, Reaction.NEVER)),
        (66, "Error", Row(reasons.TRAINER_REFUSED, Reaction.NEVER)),
        (78, "Error", Row(reasons.TRAINER_REFUSED, Reaction.NEVER)),
        (69, "Error", Row(reasons.TRY_LATER, Reaction.LATER)),
        (75, "Error", Row(reasons.TRY_LATER, Reaction.LATER)),
        (137, "OOMKilled", Row(reasons.OOM_KILLED, Reaction.AT_ONCE)),
        (137, "Error", Row(reasons.TRAINER_FAILED, Reaction.AT_ONCE)),
        (1, "OOMKilled", Row(reasons.TRAINER_FAILED, Reaction.AT_ONCE)),
        (1, "Error", Row(reasons.TRAINER_FAILED, Reaction.AT_ONCE)),
        (143, "Error", Row(reasons.TRAINER_FAILED, Reaction.AT_ONCE)),
        (None, "", Row(reasons.TRAINER_FAILED, Reaction.AT_ONCE)),
    ],
)
def test_an_exit_code_has_one_meaning(code: int | None, reason: str, row: Row) -> None:
    """Refusals end the run, outages wait, everything else is tried again at once."""
    assert exits.judge(code, reason, is_disrupted=False) == row


@pytest.mark.parametrize("code", [None, 0, 65, 69, 137, 143])
def test_a_disruption_excuses_everything(code: int | None) -> None:
    """Whatever the code, the attempt is not spent."""
    row = exits.judge(code, "Error", is_disrupted=True)

    assert row == Row(reasons.DISRUPTED, Reaction.FREE)
