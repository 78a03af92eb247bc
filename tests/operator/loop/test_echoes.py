"""A write must show on its watch."""

from perennial_operator.loop.echoes import Echoes


def test_a_write_that_shows_is_never_overdue() -> None:
    """A later version counts as well."""
    echoes = Echoes()
    echoes.expect("Pod", 5, now=0)
    echoes.reached("Pod", 7)
    assert echoes.overdue(100) == ()


def test_a_write_that_does_not_show_is_named_once() -> None:
    """After fifteen seconds; older events do not help."""
    echoes = Echoes()
    echoes.expect("Pod", 5, now=0)
    echoes.reached("Pod", 4)
    assert echoes.overdue(15) == ()
    assert echoes.overdue(15.1) == ("Pod",)
    assert echoes.overdue(100) == ()


def test_the_oldest_write_counts() -> None:
    """More writes do not put the deadline off."""
    echoes = Echoes()
    echoes.expect("Pod", 5, now=0)
    echoes.expect("Pod", 6, now=10)
    assert echoes.overdue(16) == ("Pod",)


def test_an_equal_write_expects_nothing() -> None:
    """Its version was seen before; older lists do not take that back."""
    echoes = Echoes()
    echoes.reached("Pod", 9)
    echoes.reached("Pod", 3)
    echoes.expect("Pod", 9, now=0)
    assert echoes.overdue(100) == ()
