"""Shared rules of texts: shape and words. What they refuse is proved on a real API server."""

import re

import pytest

from perennial_operator.api.schema import texts

SETS = {
    "duration": texts.DURATION,
    "duration or empty": texts.DURATION_OR_EMPTY,
    "digest": texts.DIGEST,
    "evidence digest": texts.EVIDENCE_DIGEST,
    "name": texts.OBJECT_NAME,
    "decimal": texts.decimal(),
    "share": texts.SHARE,
    "not negative": texts.NOT_NEGATIVE,
    "store": texts.STORE,
    "location": texts.LOCATION,
}


def pattern_of(rules: dict[str, object]) -> re.Pattern[str]:
    """Return the first pattern in the first rule."""
    rule = rules["cel"][0].rule  # type: ignore[index]  # a tuple of rules
    return re.compile(re.search(r"matches\('(.*?)'\)", rule)[1])  # type: ignore[index]  # each has one


@pytest.mark.parametrize("name", SETS)
def test_every_rule_is_bounded_and_says_what_to_set(name: str) -> None:
    """A bound keeps the rule cheap, the words keep the user going."""
    rules = SETS[name]

    assert rules["maxLength"] <= 2048
    assert rules["cel"][0].message.startswith("set ")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("0", True), ("-1.5", True), ("0.000001", True), ("01", False), (".5", False), ("1.", False)],
)
def test_decimals_have_one_form(text: str, is_one: bool) -> None:  # noqa: FBT001  # a column of the table
    """No leading zeros, at most six places, no exponent."""
    assert bool(pattern_of(texts.decimal()).search(text)) is is_one


def test_a_bounded_decimal_checks_its_form_first() -> None:
    """A text that is no number never reaches the conversion."""
    rule = texts.decimal("double(self) > 0.0", "set more")["cel"][0]

    assert rule.rule.index("matches") < rule.rule.index("double(self)")
    assert rule.message == "set more"


@pytest.mark.parametrize(
    ("uri", "is_location", "is_store"),
    [
        ("file:///models/a", True, True),
        ("s3://bucket/key", True, True),
        ("https://models.example/a", True, False),
        ("http://models.example/a", True, False),
        ("s3://bucket", False, False),
        ("s3://bucket/", False, False),
        ("file://host/a", False, False),
        ("gs://bucket/key", False, False),
    ],
)
def test_results_go_to_a_store_and_inputs_may_come_from_the_web(
    *, uri: str, is_location: bool, is_store: bool
) -> None:
    """Nothing can be written to a web address."""
    assert bool(pattern_of(texts.LOCATION).search(uri)) is is_location
    assert bool(pattern_of(texts.STORE).search(uri)) is is_store
