"""`Decision`: one act of a person, immutable; its status answers it once."""

from dataclasses import dataclass
from typing import ClassVar

from perennial_operator.api.schema import texts
from perennial_operator.api.schema.fields import Cel, spec
from perennial_operator.api.schema.shared_types import Condition

APPROVE = "Approve"
REJECT = "Reject"
ABORT = "Abort"
ROLLBACK = "Rollback"
PROMOTE = "Promote"
RETRY = "Retry"
ACTIONS = (APPROVE, REJECT, ABORT, ROLLBACK, PROMOTE, RETRY)

_ON_EVIDENCE = "self.action in ['Approve', 'Reject', 'Promote']"
_ON_MODEL = "(self.target.kind == 'ModelDeployment')"
_ON_ATTEMPT = f"{_ON_EVIDENCE} || (self.action == 'Abort' && {_ON_MODEL})"


def _given(field: str) -> str:
    return f"(has(self.{field}) && self.{field} != '')"


@dataclass(frozen=True, slots=True)
class Target:
    """What the Decision is about."""

    kind: str = spec("ModelDeployment or RetrainJob.", enum=["ModelDeployment", "RetrainJob"])
    name: str = spec("Its name in this namespace.", minLength=1, maxLength=63)


@dataclass(frozen=True, slots=True)
class DecisionSpec:
    """Who decides what, about which attempt, on which evidence."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self == oldSelf",
            "create another Decision, because one that was made is never changed",
        ),
        Cel(
            f"!({_ON_EVIDENCE}) || {_given('evidenceDigest')}",
            "set evidenceDigest to the digest that the target's status shows, because Approve, "
            "Reject and Promote count for the evidence that you saw",
            ".evidenceDigest",
            "FieldValueRequired",
        ),
        Cel(
            f"({_ON_EVIDENCE}) || !{_given('evidenceDigest')}",
            "remove evidenceDigest, because only Approve, Reject and Promote rest on evidence",
            ".evidenceDigest",
            "FieldValueForbidden",
        ),
        Cel(
            f"!({_ON_ATTEMPT}) || {_given('attempt')}",
            "set attempt to the one that the target's status shows, because this action means "
            "one attempt and no later one",
            ".attempt",
            "FieldValueRequired",
        ),
        Cel(
            f"({_ON_ATTEMPT}) || !{_given('attempt')}",
            "remove attempt, because this action is not about one",
            ".attempt",
            "FieldValueForbidden",
        ),
        Cel(
            f"self.action != 'Retry' || !{_ON_MODEL} || {_given('revision')}",
            "set revision to the one in status.revisions.rejected that shall be tried again",
            ".revision",
            "FieldValueRequired",
        ),
        Cel(
            f"({_ON_MODEL} && self.action in ['Retry', 'Rollback']) || !{_given('revision')}",
            "remove revision, because only Retry and Rollback of a ModelDeployment name one",
            ".revision",
            "FieldValueForbidden",
        ),
        Cel(
            f"self.action != 'Rollback' || {_ON_MODEL}",
            "set target.kind: ModelDeployment, because a run has nothing to roll back to",
            ".target",
        ),
    )

    action: str = spec("What to do.", enum=list(ACTIONS))
    target: Target = spec("About which object.")
    by: str = spec("Your user name; checked.", minLength=1, maxLength=253)
    attempt: str = spec("The attempt that is meant.", default="", maxLength=63)
    revision: str = spec("The revision that is meant.", default="", maxLength=63)
    evidence_digest: str = spec("The evidence as shown.", default="", **texts.EVIDENCE_DIGEST)
    reason: str = spec("Why, for the record.", default="", maxLength=1024)


@dataclass(frozen=True, slots=True)
class DecisionStatus:
    """The answer."""

    observed_generation: int = spec("Generation that was answered.", default=0)
    conditions: tuple[Condition, ...] = spec(
        "Answered, once.", default=(), maxItems=8, list_type="map:type"
    )
