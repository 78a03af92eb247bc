"""Tests of the node's clock."""

from datetime import UTC

from perennial_sandbox.node import clock


def test_moments_carry_their_zone_and_never_go_back() -> None:
    """A moment can be written down and compared anywhere."""
    earlier, later = clock.now(), clock.now()
    assert (earlier.tzinfo, earlier <= later) == (UTC, True)
