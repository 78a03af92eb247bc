"""Identity of revisions, and what their ControllerRevisions remember.

A revision is all that can change an answer or a Pod: where the model is and which bytes it has,
its format and credentials, the curated Pod fields, the resources. Nothing else is hashed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from perennial_operator.api import names
from perennial_operator.api.documents import dump
from perennial_operator.api.model_deployment import Model, ModelDeploymentSpec
from perennial_operator.api.status.model_deployment import Revisions
from perennial_operator.plan.snapshot import Child, Meta
from perennial_serving.contract.manifest import canonical_json

HASH_VERSION = 1
HISTORY_LIMIT = 10
CONTROLLER_REVISION = "ControllerRevision"

Projection = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision as its ControllerRevision holds it.

    `promotion` is the number of its newest commit (0 = never), `model_hash` what `spec.model`
    was then, `attempts` how often it was tried, `rejected` why it is not tried again.
    """

    name: str
    projection: Projection
    image: str
    template: Mapping[str, Any]
    promotion: int = 0
    model_hash: str = ""
    attempts: int = 0
    rejected: str = ""
    created_at: str = ""

    @property
    def model(self) -> Mapping[str, str]:
        """Return uri, digest, format and credentials of the model; what is empty is absent."""
        model: Mapping[str, str] = self.projection["model"]
        return model

    @property
    def digest(self) -> str:
        """Return the digest of the model's bytes."""
        return self.model["digest"]


def model_part(model: Model, digest: str) -> dict[str, str]:
    """Return what of `spec.model` is part of a revision's identity."""
    secret = model.credentials_secret_ref
    parts = {
        "uri": model.uri,
        "digest": digest,
        "format": model.format,
        "credentials": secret.name if secret else "",
    }
    return {key: value for key, value in parts.items() if value}


def projection(model: Mapping[str, str], spec: ModelDeploymentSpec) -> Projection:
    """Return the identity of the revision that serves `model` with spec's other fields."""
    return {"hashVersion": HASH_VERSION, "model": dict(model), **_other_fields(spec)}


def name_of(meta: Meta, identity: Projection) -> str:
    """Return `<md>-<hash10>`, the name of the revision and of all that serves it."""
    return f"{meta.name}-{hash_of(identity)}"


def hash_of(document: Mapping[str, Any]) -> str:
    """Return the hash of a document's canonical JSON."""
    return names.hash10(canonical_json(document).decode())


def model_hash(spec: ModelDeploymentSpec) -> str:
    """Return the hash of `spec.model`, which says whether a user changed it."""
    return hash_of(dump(spec.model))


def spec_hash(spec: ModelDeploymentSpec) -> str:
    """Return the hash of all of spec that makes a revision."""
    return hash_of({"model": dump(spec.model), **_other_fields(spec)})


def history(children: Iterable[Child]) -> dict[str, Revision]:
    """Return the known revisions by name."""
    found = (_read(child) for child in children if child.kind == CONTROLLER_REVISION)
    return {revision.name: revision for revision in found}


def newest_promotion(known: Mapping[str, Revision]) -> int:
    """Return the highest promotion number, 0 without any."""
    return max((each.promotion for each in known.values()), default=0)


def kept(known: Mapping[str, Revision], roles: Revisions) -> frozenset[str]:
    """Return the names that stay: roles, what is not tried again, and the newest others."""
    in_use = {roles.stable, roles.previous, roles.candidate, roles.desired}
    in_use |= {each.revision for each in roles.rejected}
    if roles.chosen:
        in_use.add(roles.chosen.revision)
    others = [each for each in known.values() if each.name not in in_use]
    promoted = sorted(others, key=lambda each: -each.promotion)
    recent = sorted(others, key=lambda each: (each.created_at, each.name), reverse=True)
    history_ = {each.name for each in promoted[:HISTORY_LIMIT] if each.promotion}
    tried = {each.name for each in recent[:HISTORY_LIMIT]}
    return frozenset((in_use | history_ | tried) & known.keys())


def remembered(revision: Revision, roles: Revisions, *, number: int, attempt: int) -> Revision:
    """Return the revision with what its annotations have to say by this status.

    `number` is the newest promotion number of all revisions, `attempt` the one under way.
    """
    reasons = {each.revision: each.reason for each in roles.rejected}
    revision = replace(
        revision,
        rejected=reasons.get(revision.name, ""),
        attempts=max(revision.attempts, attempt),
    )
    if revision.name != roles.stable:
        return revision
    promotion = revision.promotion
    if promotion == 0 or promotion < number:
        promotion = number + 1
    return replace(revision, promotion=promotion, model_hash=roles.committed_model)


def _other_fields(spec: ModelDeploymentSpec) -> dict[str, Any]:
    parts = {"pod": dump(spec.pod), "resources": dump(spec.resources)}
    return {key: value for key, value in parts.items() if value}


def _read(child: Child) -> Revision:
    metadata, data = child.document["metadata"], child.document["data"]
    notes = metadata.get("annotations") or {}
    return Revision(
        name=child.name,
        projection=data["projection"],
        image=data["image"],
        template=data["template"],
        promotion=int(notes.get(names.ANNOTATION_PROMOTION, 0)),
        model_hash=notes.get(names.ANNOTATION_MODEL_HASH, ""),
        attempts=int(notes.get(names.ANNOTATION_ATTEMPTS, 0)),
        rejected=notes.get(names.ANNOTATION_REJECTED, ""),
        created_at=metadata.get("creationTimestamp", ""),
    )
