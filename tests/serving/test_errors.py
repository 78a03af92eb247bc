"""The error tree: two kinds, their words, and nothing else."""

from perennial_serving.errors import Invalid, PerennialError, Unavailable


def test_an_invalid_error_starts_with_its_field() -> None:
    """People see where to look first."""
    error = Invalid("ShapeInvalid", "expected [-1, 4]", field="inputs[0].shape")
    assert (error.message, error.field) == ("inputs[0].shape: expected [-1, 4]", "inputs[0].shape")
    assert str(error) == "ShapeInvalid: inputs[0].shape: expected [-1, 4]"
    assert Invalid("NotFound", "nothing").message == "nothing"


def test_an_unavailable_error_says_when_to_try_again() -> None:
    """At once, unless told otherwise."""
    assert Unavailable("Overloaded", "busy").retry_after_seconds == 1.0
    assert Unavailable("DiskFull", "full", retry_after_seconds=60).retry_after_seconds == 60


def test_both_kinds_have_one_parent() -> None:
    """So that one handler sees all that is ours."""
    assert issubclass(Invalid, PerennialError)
    assert issubclass(Unavailable, PerennialError)
