"""Which revision shall serve: the first that applies of a person's choice, spec, a retrained one.

Pure; `name` is empty while the digest of an unpinned model is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_operator.api import decision, names
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus, Source
from perennial_operator.plan.rollout import revisions
from perennial_operator.plan.rollout.revisions import Projection, Revision
from perennial_operator.plan.snapshot import ModelSnapshot, RunFacts

INITIAL = "Initial"
SPEC = "Spec"
RETRAIN = "Retrain"
ROLLBACK = "Rollback"

OFFERED = "Offered"
TAKEN = "Taken"


@dataclass(frozen=True, slots=True)
class Desired:
    """A revision, why it is desired, and who asked for it."""

    name: str
    identity: Projection
    origin: str
    source: Source | None = None


UNKNOWN = Desired("", {}, SPEC)


@dataclass(frozen=True, slots=True)
class Question:
    """What the answer depends on."""

    seen: ModelSnapshot
    status: ModelDeploymentStatus
    known: Mapping[str, Revision]

    @property
    def is_first(self) -> bool:
        """Whether nothing was ever committed."""
        return not self.status.revisions.stable

    @property
    def stable(self) -> Revision | None:
        """Return the revision that serves."""
        return self.known.get(self.status.revisions.stable)

    def is_rejected(self, name: str) -> bool:
        """Whether the revision is not tried again by itself."""
        return any(each.revision == name for each in self.status.revisions.rejected)


def desired(question: Question) -> Desired:
    """Return the first that applies: a choice, a pin, a changed spec, an offer, stable's model."""
    if chosen := _chosen(question):
        return chosen
    asked = asked_by_spec(question)
    is_pinned = bool(question.seen.spec.model.digest)
    is_open = not is_spec_new(question) or question.is_rejected(asked.name)
    if is_open and not is_pinned and (offered := _offered(question)):
        return offered
    return asked


def asked_by_spec(question: Question) -> Desired:
    """Return what spec alone asks for; UNKNOWN while its digest is not."""
    spec, stable = question.seen.spec, question.stable
    if stable and not is_spec_new(question):
        return _of_spec(question, stable.model)
    digest = resolved_digest(question.seen, question.status)
    if not digest:
        return UNKNOWN
    return _of_spec(question, revisions.model_part(spec.model, digest))


def is_spec_new(question: Question) -> bool:
    """Whether `spec.model` is to be served: it is pinned, or changed since the last commit."""
    if question.stable is None or question.seen.spec.model.digest:
        return True
    return revisions.model_hash(question.seen.spec) != question.status.revisions.committed_model


def resolved_digest(seen: ModelSnapshot, status: ModelDeploymentStatus) -> str:
    """Return the pinned digest, or the one that the location was resolved to, or nothing."""
    if seen.spec.model.digest:
        return seen.spec.model.digest
    if status.model and status.model.uri == seen.spec.model.uri:
        return status.model.digest
    return ""


def is_spec_s_own(revision: Revision, question: Question) -> bool:
    """Whether the revision serves what `spec.model` names."""
    model = question.seen.spec.model
    return revision.model["uri"] == model.uri and model.digest in ("", revision.digest)


def run_of(source: Source | None, seen: ModelSnapshot) -> RunFacts | None:
    """Return the run that a candidate came from, if it still exists."""
    if source is None or source.kind != names.RETRAIN_JOB:
        return None
    return next((run for run in seen.runs if run.meta.uid == source.uid), None)


def _chosen(question: Question) -> Desired | None:
    chosen = question.status.revisions.chosen
    if chosen is None or chosen.spec_hash != revisions.spec_hash(question.seen.spec):
        return None
    revision = question.known.get(chosen.revision)
    if revision is None:
        return None
    source = Source(names.DECISION, chosen.by) if chosen.by else None
    origin = ROLLBACK if chosen.action == decision.ROLLBACK else _retried(question, revision.name)
    return Desired(revision.name, revision.projection, origin, source)


def _retried(question: Question, name: str) -> str:
    if name != asked_by_spec(question).name:
        return RETRAIN
    return INITIAL if question.is_first else SPEC


def _of_spec(question: Question, model: Mapping[str, str]) -> Desired:
    seen = question.seen
    identity = revisions.projection(model, seen.spec)
    source = Source(names.MODEL_DEPLOYMENT, seen.meta.name, seen.meta.uid)
    origin = INITIAL if question.is_first else SPEC
    return Desired(revisions.name_of(seen.meta, identity), identity, origin, source)


def _offered(question: Question) -> Desired | None:
    offers = sorted(question.seen.runs, key=_age, reverse=True)
    made = (_of_run(run, question) for run in offers)
    return next((each for each in made if each and not question.is_rejected(each.name)), None)


def _of_run(run: RunFacts, question: Question) -> Desired | None:
    candidate, stable = run.status.candidate, question.stable
    if candidate is None or stable is None or not _is_open(run, question):
        return None
    champion = run.status.champion
    compared_with = champion.digest if champion else ""
    if compared_with not in ("", stable.digest, candidate.digest):
        return None
    if _is_blocked(candidate.digest, question):
        return None
    secret = run.spec.output.credentials_secret_ref
    parts = {
        "uri": candidate.uri,
        "digest": candidate.digest,
        "format": candidate.format,
        "credentials": secret.name if secret else "",
    }
    model = {key: value for key, value in parts.items() if value}
    identity = revisions.projection(model, question.seen.spec)
    name = revisions.name_of(question.seen.meta, identity)
    return Desired(name, identity, RETRAIN, Source(names.RETRAIN_JOB, run.meta.name, run.meta.uid))


def _is_open(run: RunFacts, question: Question) -> bool:
    promotion, source = run.status.promotion, question.status.rollout.source
    if promotion is None or run.meta.is_deleting:
        return False
    is_under_way = source is not None and source.uid == run.meta.uid
    return promotion.state == OFFERED or (promotion.state == TAKEN and is_under_way)


def _is_blocked(digest: str, question: Question) -> bool:
    rejected = (question.known.get(each.revision) for each in question.status.revisions.rejected)
    return any(each.digest == digest for each in rejected if each)


def _age(run: RunFacts) -> tuple[str, str]:
    offered = run.status.promotion.time if run.status.promotion else ""
    return run.spec.trigger.nominal_time or offered, run.meta.name
