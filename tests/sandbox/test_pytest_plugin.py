"""Tests of the fixtures that give tests a real API server."""

from typing import TYPE_CHECKING

import pytest

from perennial_sandbox import sandbox as sandboxes

if TYPE_CHECKING:
    from perennial_sandbox.sandbox import Running


@pytest.mark.e2e
def test_the_control_plane_has_no_node(control_plane: "Running") -> None:
    """Tests of the API alone start no process of a Pod."""
    status = sandboxes.status(control_plane.directory)
    assert status is not None
    assert status.is_ready
    assert "node" not in {part.name for part in status.parts}


@pytest.mark.e2e
def test_the_sandbox_has_a_node(sandbox: "Running") -> None:
    """Tests of the whole see their Pods run."""
    status = sandboxes.status(sandbox.directory)
    assert status is not None
    assert status.is_ready
    assert "node" in {part.name for part in status.parts}
