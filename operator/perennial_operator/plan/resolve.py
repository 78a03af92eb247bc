"""What an unpinned `spec.model` holds: one Job fetches it and hands the digest back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from perennial_operator.api import conditions, names, reasons
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus, ResolvedModel
from perennial_operator.plan.manifests import resolve_job, run_objects
from perennial_operator.plan.rollout import desired, pods, revisions
from perennial_operator.plan.rollout.desired import Question
from perennial_operator.plan.rollout.pods import Trouble
from perennial_operator.plan.snapshot import Child, ModelSnapshot, PodFacts
from perennial_serving.contract import manifest, results
from perennial_serving.contract.results import Outcome

JOB = "Job"


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whether a digest is wanted, which Job fetches it, and what keeps it."""

    job: str = ""
    is_spent: bool = False
    resolved: ResolvedModel | None = None
    trouble: Trouble | None = None


def resolution(question: Question, now: datetime) -> Resolution:
    """Return what is known of `spec.model`; nothing is wanted while its digest is known."""
    seen = question.seen
    digest = desired.resolved_digest(seen, question.status)
    if digest:
        return Resolution(resolved=_resolved(question.status, seen, digest=digest, now=now))
    if not desired.is_spec_new(question):
        return Resolution(resolved=question.status.model)
    name = resolve_job.job_name(seen.meta.name, model(seen))
    found = _pods(seen, name)
    digest = next((each for pod in found if (each := _digest(pod))), "")
    if digest:
        return Resolution(resolved=_resolved(question.status, seen, digest=digest, now=now))
    trouble = pods.first_trouble(found)
    is_spent = trouble is None and _is_spent(seen, name, found)
    return Resolution(name, is_spent, question.status.model, trouble)


def model(seen: ModelSnapshot) -> Mapping[str, str]:
    """Return what the Job is to fetch."""
    return revisions.model_part(seen.spec.model, "")


def jobs(seen: ModelSnapshot) -> tuple[Child, ...]:
    """Return the resolve Jobs that exist."""
    return tuple(
        child
        for child in seen.children
        if child.kind == JOB and _component(child) == names.COMPONENT_RESOLVE
    )


def is_source_away(trouble: Trouble | None) -> bool:
    """Whether the store did not answer, so that waiting may help."""
    return trouble is not None and trouble.outcome is Outcome.UNAVAILABLE


def reason_of(trouble: Trouble) -> str:
    """Return the machine reason of what keeps a model from being verified."""
    return reasons.SOURCE_UNAVAILABLE if is_source_away(trouble) else trouble.reason


def _resolved(
    status: ModelDeploymentStatus, seen: ModelSnapshot, *, digest: str, now: datetime
) -> ResolvedModel:
    known, uri = status.model, seen.spec.model.uri
    if known and (known.uri, known.digest) == (uri, digest):
        return known
    return ResolvedModel(uri=uri, digest=digest, time=conditions.stamp(now))


def _pods(seen: ModelSnapshot, job: str) -> tuple[PodFacts, ...]:
    label = run_objects.LABEL_JOB_NAME
    return tuple(pod for pod in seen.pods if pod.labels.get(label) == job)


def _digest(pod: PodFacts) -> str:
    found = (results.parse(each.message) for each in pod.containers if each.exit_code == 0)
    return next((each.digest for each in found if each and manifest.is_digest(each.digest)), "")


def _is_spent(seen: ModelSnapshot, name: str, found: tuple[PodFacts, ...]) -> bool:
    """Whether the Job ended without a digest that can be read: another one has to be made."""
    job = next((child for child in jobs(seen) if child.name == name), None)
    if job is None:
        return False
    ended = job.document.get("status", {}).get("conditions") or ()
    is_ended = any(
        each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in ended
    )
    return is_ended and not any(pod.phase == "Running" for pod in found)


def _component(child: Child) -> str:
    labels: Mapping[str, str] = child.document["metadata"].get("labels") or {}
    return labels.get(names.LABEL_COMPONENT, "")
