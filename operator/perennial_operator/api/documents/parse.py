"""Objects to typed values, with all findings at once; never raises on what a user wrote.

Findings are what schema and CEL cannot express: the strict form of locations, which the same
parser will open. An object with findings has no value, so nobody can act on it.
"""

from collections.abc import Callable, Mapping
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
    return _read(ModelDeploymentSpec, document.get("spec"), _model_findings)


def retrain_job(document: Mapping[str, Any]) -> Parsed[RetrainJobSpec]:
    """Parse a RetrainJob's spec."""
    return _read(RetrainJobSpec, document.get("spec"), _run_findings)


def decision(document: Mapping[str, Any]) -> Parsed[DecisionSpec]:
    """Parse a Decision's spec."""
    return _read(DecisionSpec, document.get("spec"), _no_findings)


def status(kind: type[T], document: Mapping[str, Any]) -> T:
    """Parse a status; an absent or misshapen one counts as empty: it is rebuilt."""
    return _read(kind, document.get("status"), _no_findings).value or kind()


def _read(
    kind: type[T],
    document: Mapping[str, Any] | None,
    check: Callable[[T], tuple[Finding, ...]],
) -> Parsed[T]:
    try:
        value = documents.load(kind, document or {})
        findings = check(value)
    except (TypeError, AttributeError):
        message = "apply the object again as documented: what is stored does not fit its schema"
        return Parsed(None, (Finding("spec", reasons.INVALID_SPEC, message),))
    return Parsed(None, findings) if findings else Parsed(value)


def _model_findings(spec: ModelDeploymentSpec) -> tuple[Finding, ...]:
    return _location("spec.model.uri", spec.model.uri)


def _run_findings(spec: RetrainJobSpec) -> tuple[Finding, ...]:
    return (
        *_location("spec.data.source.uri", spec.data.source.uri),
        *_location("spec.output.uri", spec.output.uri),
    )


def _no_findings(_value: object) -> tuple[Finding, ...]:
    return ()


def _location(field: str, uri: str) -> tuple[Finding, ...]:
    parsed = urls.parse(uri)
    if isinstance(parsed, urls.Refusal):
        return (Finding(field, reasons.INVALID_SPEC, f"{parsed.message} in {field}"),)
    return ()
