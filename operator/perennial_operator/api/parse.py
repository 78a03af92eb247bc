"""Objects to typed values, with all findings at once; never raises on what a user wrote.

Findings are what schema and CEL cannot express: the strict form of locations, which the same
parser will open. An object with findings has no value, so nobody can act on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from perennial_operator.api import documents, reasons
from perennial_operator.api.decision import DecisionSpec
from perennial_operator.api.model_deployment import ModelDeploymentSpec
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_serving.contract import urls

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the user must change: where, a reason, and what to write instead."""

    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A typed value, or everything that is wrong with its document."""

    value: T | None
    findings: tuple[Finding, ...] = ()


def model_deployment(document: Mapping[str, Any]) -> Parsed[ModelDeploymentSpec]:
    """Parse a ModelDeployment's spec."""
    parsed = _shaped(ModelDeploymentSpec, document.get("spec"))
    if parsed.value is None:
        return parsed
    return _checked(parsed.value, _location("spec.model.uri", parsed.value.model.uri))


def retrain_job(document: Mapping[str, Any]) -> Parsed[RetrainJobSpec]:
    """Parse a RetrainJob's spec."""
    parsed = _shaped(RetrainJobSpec, document.get("spec"))
    if parsed.value is None:
        return parsed
    spec = parsed.value
    source = _location("spec.data.source.uri", spec.data.source.uri)
    return _checked(spec, (*source, *_location("spec.output.uri", spec.output.uri)))


def decision(document: Mapping[str, Any]) -> Parsed[DecisionSpec]:
    """Parse a Decision's spec."""
    return _shaped(DecisionSpec, document.get("spec"))


def status(kind: type[T], document: Mapping[str, Any]) -> T:
    """Parse a status; an absent or misshapen one counts as empty: it is rebuilt."""
    return _shaped(kind, document.get("status")).value or kind()


def _shaped(kind: type[T], document: Mapping[str, Any] | None) -> Parsed[T]:
    try:
        return Parsed(documents.load(kind, document or {}))
    except (TypeError, AttributeError):
        message = "apply the object again as documented: what is stored does not fit its schema"
        return Parsed(None, (Finding("spec", reasons.INVALID_SPEC, message),))


def _checked(value: T, findings: Iterable[Finding]) -> Parsed[T]:
    found = tuple(findings)
    return Parsed(None, found) if found else Parsed(value)


def _location(field: str, uri: str) -> tuple[Finding, ...]:
    match urls.parse(uri):
        case urls.Refusal(message=message):
            return (Finding(field, reasons.INVALID_SPEC, f"{message} in {field}"),)
        case urls.Location():
            return ()
