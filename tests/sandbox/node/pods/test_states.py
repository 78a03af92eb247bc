"""Tests of what a container's state says about itself."""

import pytest

from perennial_sandbox.node.pods.states import ContainerState
from perennial_sandbox.node.testing import ended, running


@pytest.mark.parametrize(
    ("state", "claims"),
    [
        (ContainerState(), (False, False, False)),
        (running(), (True, True, False)),
        (ended(0), (False, True, True)),
        (ended(1), (False, True, False)),
    ],
)
def test_a_state_tells_running_from_ended(
    state: ContainerState, claims: tuple[bool, bool, bool]
) -> None:
    """A container runs between its start and its end; only exit code 0 is a success."""
    assert (state.is_running, state.was_run, state.has_succeeded) == claims
