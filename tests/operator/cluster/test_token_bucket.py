"""A bucket lets bursts through, then its rate."""

from perennial_operator.cluster.token_bucket import TokenBucket


def test_a_burst_passes_and_the_rest_waits_its_turn() -> None:
    """Two at once, then ten a second."""
    bucket = TokenBucket(rate=10, burst=2, now=0)
    assert [bucket.take(now=0) for _ in range(4)] == [0, 0, 0.1, 0.2]


def test_tokens_come_back_up_to_the_burst() -> None:
    """A long rest saves no more than the burst."""
    bucket = TokenBucket(rate=10, burst=2, now=0)
    bucket.take(now=0)
    assert [bucket.take(now=100) for _ in range(3)] == [0, 0, 0.1]


def test_trying_takes_only_what_is_there() -> None:
    """Who does not wait is refused and owes nothing."""
    bucket = TokenBucket(rate=1, burst=1, now=0)
    assert [bucket.try_take(now=at) for at in (0, 0.5, 1.0, 1.5)] == [True, False, True, False]


def test_a_pause_holds_everybody_up() -> None:
    """The server's wish counts for takers and triers."""
    bucket = TokenBucket(rate=10, burst=2, now=0)
    bucket.pause(5, now=0)
    assert bucket.take(now=1) == 4
    assert not bucket.try_take(now=1)
    assert bucket.try_take(now=5)


def test_time_never_goes_back() -> None:
    """An older moment adds no tokens."""
    bucket = TokenBucket(rate=1, burst=1, now=10)
    bucket.take(now=10)
    assert not bucket.try_take(now=5)
