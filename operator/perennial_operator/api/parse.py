"""Objects to typed values, with all findings at once; never raises on what a user wrote.

Findings are what schema and CEL cannot express. A value with findings must not be acted on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from perennial_operator.api import documents, reasons
from perennial_operator.api.decision import DecisionSpec
from perennial_operator.api.model_deployment import ModelDeploymentSpec
from perennial_operator.api.retrain_job import RetrainJobSpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the user must change: where, a reason, and what to write instead."""

    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A typed value, if the document has its shape, and everything that is wrong with it."""

    value: T | None
    findings: tuple[Finding, ...] = ()


def model_deployment(document: Mapping[str, Any]) -> Parsed[ModelDeploymentSpec]:
    """Parse a ModelDeployment's spec."""
    return _shaped(ModelDeploymentSpec, document)


def retrain_job(document: Mapping[str, Any]) -> Parsed[RetrainJobSpec]:
    """Parse a RetrainJob's spec."""
    return _shaped(RetrainJobSpec, document)


def decision(document: Mapping[str, Any]) -> Parsed[DecisionSpec]:
    """Parse a Decision's spec."""
    return _shaped(DecisionSpec, document)


def status(kind: type[T], document: Mapping[str, Any]) -> T:
    """Parse a status; an absent or misshapen one counts as empty: it is rebuilt."""
    return _shaped(kind, {"spec": document.get("status") or {}}).value or kind()


def _shaped(kind: type[T], document: Mapping[str, Any]) -> Parsed[T]:
    try:
        return Parsed(documents.load(kind, document.get("spec") or {}))
    except (TypeError, AttributeError):
        message = "the stored object does not fit its schema: apply it again as documented"
        return Parsed(None, (Finding("spec", reasons.INVALID_SPEC, message),))
