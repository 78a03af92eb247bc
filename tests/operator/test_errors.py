"""Tests of the error tree."""

from perennial_operator.errors import Invalid, PerennialError, Unavailable


def test_a_refusal_names_the_field_and_the_next_step() -> None:
    """The text is for people, the parts are for machines."""
    refused = Invalid("InvalidSpec", "set a location", field="spec.model.uri")

    assert str(refused) == "spec.model.uri: set a location"
    assert (refused.reason, refused.message, refused.field) == (
        "InvalidSpec",
        "set a location",
        "spec.model.uri",
    )
    assert str(Invalid("NameCollision", "choose another name")) == "choose another name"


def test_an_outage_says_when_to_ask_again() -> None:
    """The server's own wish is kept, None if it had none."""
    assert Unavailable("the store", retry_after_seconds=3.0).retry_after_seconds == 3.0
    assert Unavailable("the store").retry_after_seconds is None
    assert Unavailable("the store", reason="Forbidden").reason == "Forbidden"


def test_both_are_caught_at_the_edges() -> None:
    """One root for the places that map errors to conditions and exit codes."""
    assert issubclass(Invalid, PerennialError)
    assert issubclass(Unavailable, PerennialError)
