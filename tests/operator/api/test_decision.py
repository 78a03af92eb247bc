"""Decisions as they are declared; their rules are proved on a real API server."""

import typing

from perennial_operator.api import decision, documents
from perennial_operator.api.decision import DecisionSpec, DecisionStatus, Target
from perennial_operator.api.schema import structural


def test_the_actions_are_those_that_do_something() -> None:
    """Freeze and Resume come with what they freeze."""
    assert decision.ACTIONS == ("Approve", "Reject", "Abort", "Rollback", "Promote", "Retry")


def test_a_decision_survives_the_way_to_a_document() -> None:
    """Its evidence and its reason, too."""
    made = DecisionSpec(
        "Approve", Target("RetrainJob", "r"), "ana", attempt="1", evidence_digest="d", reason="why"
    )

    assert documents.load(DecisionSpec, documents.dump(made)) == made


def test_no_rule_needs_a_field_that_its_schema_lacks() -> None:
    """Every field path of a rule names a property."""
    schema = structural.schema_of(DecisionSpec)

    paths = {rule.field_path.lstrip(".") for rule in DecisionSpec.RULES} - {""}
    assert paths <= schema["properties"].keys()


def test_an_unanswered_decision_has_an_empty_status() -> None:
    """Nothing is written before the answer."""
    assert documents.dump(DecisionStatus()) == {"observedGeneration": 0}
    assert set(typing.get_type_hints(DecisionStatus)) == {"observed_generation", "conditions"}
