"""The driver of rollouts in tests says when it waits in vain, and reads what is there."""

import pytest

from perennial_operator.plan.rollout.states import State
from perennial_operator.testing import Rollout


def test_a_state_that_never_comes_is_an_error() -> None:
    """A test that waits in vain fails with where the rollout stands."""
    rollout = Rollout()
    rollout.cluster.simulation.start_seconds = 1e9
    with pytest.raises(AssertionError, match="Stable  was not reached"):
        rollout.until(State.STABLE)


def test_what_is_absent_reads_as_empty() -> None:
    """No condition, no answer, no evidence before the first pass."""
    rollout = Rollout()
    assert rollout.condition("Ready") == ("", "")
    assert rollout.answer("nobody") == ""
    assert rollout.on_evidence() == {"attempt": "", "evidenceDigest": ""}
    assert rollout.view(traffic="all").status.traffic == "all"
