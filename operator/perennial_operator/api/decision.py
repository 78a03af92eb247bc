"""`Decision`: one act of a person, immutable; its status answers it once."""

from dataclasses import dataclass

from perennial_operator.api.fields import spec
from perennial_operator.api.shared_types import DIGEST, Condition

APPROVE = "Approve"
REJECT = "Reject"
ABORT = "Abort"
ROLLBACK = "Rollback"
PROMOTE = "Promote"
RETRY = "Retry"
ACTIONS = (APPROVE, REJECT, ABORT, ROLLBACK, PROMOTE, RETRY)


@dataclass(frozen=True, slots=True)
class Target:
    """What the Decision is about."""

    kind: str = spec("ModelDeployment or RetrainJob.", enum=["ModelDeployment", "RetrainJob"])
    name: str = spec("Its name in this namespace.", minLength=1, maxLength=63)


@dataclass(frozen=True, slots=True)
class DecisionSpec:
    """Who decides what, about which attempt, on which evidence."""

    action: str = spec("What to do.", enum=list(ACTIONS))
    target: Target = spec("About which object.")
    by: str = spec("Your user name; checked.", minLength=1, maxLength=253)
    attempt: str = spec("The attempt that is meant.", default="", maxLength=63)
    revision: str = spec("The revision that is meant.", default="", maxLength=63)
    evidence_digest: str = spec("The evidence as shown.", default="", pattern=DIGEST)
    reason: str = spec("Why, for the record.", default="", maxLength=1024)


@dataclass(frozen=True, slots=True)
class DecisionStatus:
    """The answer."""

    observed_generation: int = spec("Generation that was answered.", default=0)
    conditions: tuple[Condition, ...] = spec("Answered, once.", default=(), maxItems=8)
