"""Who may write."""

from perennial_operator.cluster.lease import SingleReplica


def test_a_single_replica_may_always_write() -> None:
    """Nobody else writes, so the fence is open."""
    assert SingleReplica().is_open()
