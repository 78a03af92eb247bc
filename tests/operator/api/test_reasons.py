"""Reasons are an API."""

import re

from perennial_operator.api import reasons

ALL = {name: value for name, value in vars(reasons).items() if name.isupper()}


def test_reasons_are_camel_case_and_short() -> None:
    """As Kubernetes demands of a condition's reason."""
    wrong = [each for each in ALL.values() if not re.fullmatch(r"[A-Z][A-Za-z]{1,40}", each)]

    assert wrong == []


def test_a_constant_is_named_like_its_reason() -> None:
    """Who reads one knows the other."""
    differing = {
        name: value for name, value in ALL.items() if name.replace("_", "").lower() != value.lower()
    }

    assert differing == {}


def test_there_is_one_constant_a_reason() -> None:
    """Two names for one reason would drift apart."""
    assert len(ALL) == len(set(ALL.values()))
