"""Snapshots out of what the store holds: no request is made, no pass waits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from perennial_operator.api import conditions, names
from perennial_operator.api.decision import DecisionStatus
from perennial_operator.api.documents import parse
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.observe.pods import moment
from perennial_operator.observe.records import Record
from perennial_operator.plan.snapshot import (
    MODEL,
    ROUTER,
    RUN,
    Child,
    DecisionFacts,
    Failure,
    Key,
    Meta,
    Missing,
    ModelFacts,
    ModelSnapshot,
    Options,
    PodFacts,
    Reading,
    RefusedSnapshot,
    RouterSnapshot,
    RunFacts,
    RunSnapshot,
    Snapshot,
    Traffic,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CHILDLESS = frozenset({"Pod", names.MODEL_DEPLOYMENT, names.RETRAIN_JOB, names.DECISION})


class Objects(Protocol):
    """What this module reads of the store."""

    def get(self, kind: str, *, namespace: str, name: str) -> Record | None:
        """Return the object of that name."""

    def of_key(self, key: Key) -> tuple[Record, ...]:
        """Return the root of a key and everything that belongs to it."""

    def in_namespace(self, kind: str, namespace: str) -> tuple[Record, ...]:
        """Return the objects of a kind in a namespace."""


def no_token(_deployment_uid: str) -> str:
    """Return no token: nobody has a key."""
    return ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a snapshot holds beside objects: readings of slow sources, settings, the last failure.

    `token_of` derives the token of the router whose Deployment has that uid.
    """

    options: Options
    operator_namespace: str = ""
    policies_active: bool = True
    traffic: Mapping[str, Reading[Traffic]] = field(default_factory=dict)
    token_of: Callable[[str], str] = no_token


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one key."""

    objects: Objects
    key: Key
    surroundings: Surroundings
    last_failure: Failure | None = None

    def children(self, root: Record) -> tuple[Child, ...]:
        """Return the children of this very root: those of a namesake go with their own owner."""
        return _children(self.objects, self.key, root_uid=root.uid)

    def pods(self, root: Record) -> tuple[PodFacts, ...]:
        """Return the Pods of this very root."""
        found = self.objects.of_key(self.key)
        return tuple(each.pod for each in found if each.pod and each.root_uid == root.uid)


def snapshot(look: Look) -> Snapshot | None:
    """Return what a decision about the key needs; None if its root was not seen."""
    if look.key.kind == ROUTER:
        return _router(look)
    if not (found := root(look.objects, look.key)):
        return None
    return _model(look, found) if look.key.kind == MODEL else _run(look, found)


def _refused(look: Look, document: Mapping[str, Any], parsed: parse.Parsed[Any]) -> RefusedSnapshot:
    """Return what is seen of a root whose spec is not to be acted on."""
    if look.key.kind == MODEL:
        status: ModelDeploymentStatus | RetrainJobStatus = _model_status(document)
    else:
        status = _run_status(document)
    return RefusedSnapshot(
        key=look.key,
        meta=_meta(document),
        status=status,
        findings=parsed.findings,
        decisions=decisions(look.objects, look.key),
    )


def root(objects: Objects, key: Key) -> Record | None:
    """Return the ModelDeployment or RetrainJob that a key names; a router has none."""
    kinds = {MODEL: names.MODEL_DEPLOYMENT, RUN: names.RETRAIN_JOB}
    if key.kind not in kinds:
        return None
    return objects.get(kinds[key.kind], namespace=key.namespace, name=key.name)


def decisions(objects: Objects, key: Key) -> tuple[DecisionFacts, ...]:
    """Return the Decisions about a key that are not answered yet, oldest first."""
    found = (_decision(each) for each in objects.of_key(key) if each.kind == names.DECISION)
    return tuple(
        sorted((each for each in found if each), key=lambda each: (each.created_at, each.name))
    )


def _model(look: Look, root: Record) -> ModelSnapshot | RefusedSnapshot:
    document, key = root.document, look.key
    parsed = parse.model_deployment(document)
    if parsed.value is None:
        return _refused(look, document, parsed)
    children = look.children(root)
    has_history = any(child.kind == "ControllerRevision" for child in children)
    return ModelSnapshot(
        key=key,
        meta=_meta(document),
        spec=parsed.value,
        status=_model_status(document),
        status_is_lost=has_history and not document.get("status"),
        options=look.surroundings.options,
        children=children,
        pods=look.pods(root),
        decisions=decisions(look.objects, key),
        runs=_runs(look.objects, key.namespace, model=key.name),
        traffic=look.surroundings.traffic.get(key.namespace, Missing("NotRead")),
        policies_active=look.surroundings.policies_active,
        last_failure=look.last_failure,
    )


def _run(look: Look, root: Record) -> RunSnapshot | RefusedSnapshot:
    document, key = root.document, look.key
    parsed = parse.retrain_job(document)
    if parsed.value is None:
        return _refused(look, document, parsed)
    runs = _runs(look.objects, key.namespace)
    return RunSnapshot(
        key=key,
        meta=_meta(document),
        spec=parsed.value,
        status=_run_status(document),
        options=look.surroundings.options,
        model=_model_facts(look.objects, key.namespace, root.model),
        other_runs=tuple(each for each in runs if each.meta.name != key.name),
        children=look.children(root),
        pods=look.pods(root),
        decisions=decisions(look.objects, key),
        policies_active=look.surroundings.policies_active,
        last_failure=look.last_failure,
    )


def _router(look: Look) -> RouterSnapshot:
    key, derive = look.key, look.surroundings.token_of
    models = look.objects.in_namespace(names.MODEL_DEPLOYMENT, key.namespace)
    found = look.objects.of_key(key)
    children = tuple(_child(each) for each in found if each.kind not in CHILDLESS)
    deployments = (each.uid for each in children if each.kind == "Deployment")
    return RouterSnapshot(
        key=key,
        options=look.surroundings.options,
        models=tuple(sorted(each.name for each in models if not each.is_deleting)),
        operator_namespace=look.surroundings.operator_namespace,
        token_of={uid: derive(uid) for uid in deployments},
        children=children,
        last_failure=look.last_failure,
    )


def _children(objects: Objects, key: Key, *, root_uid: str) -> tuple[Child, ...]:
    return tuple(
        _child(each)
        for each in objects.of_key(key)
        if each.kind not in CHILDLESS and each.root_uid == root_uid
    )


def _child(record: Record) -> Child:
    return Child(
        kind=record.kind,
        name=record.name,
        uid=record.uid,
        resource_version=str(record.resource_version),
        document=record.document,
        is_deleting=record.is_deleting,
    )


def _runs(objects: Objects, namespace: str, *, model: str = "") -> tuple[RunFacts, ...]:
    found = objects.in_namespace(names.RETRAIN_JOB, namespace)
    facts = (_run_facts(each) for each in found if model in ("", each.model))
    return tuple(sorted((each for each in facts if each), key=lambda each: each.meta.name))


def _run_facts(record: Record) -> RunFacts | None:
    document = record.document
    spec = parse.retrain_job(document).value
    status = _run_status(document)
    return RunFacts(_meta(document), spec, status) if spec else None


def _model_facts(objects: Objects, namespace: str, name: str) -> ModelFacts | None:
    root = objects.get(names.MODEL_DEPLOYMENT, namespace=namespace, name=name)
    document = root.document if root else {}
    spec = parse.model_deployment(document).value if root else None
    if not root or not spec:
        return None
    children = _children(objects, Key(MODEL, namespace, name), root_uid=root.uid)
    return ModelFacts(
        meta=_meta(document),
        spec=spec,
        status=_model_status(document),
        revisions=tuple(each for each in children if each.kind == "ControllerRevision"),
    )


def _decision(record: Record) -> DecisionFacts | None:
    document = record.document
    status = parse.status(DecisionStatus, document)
    spec = parse.decision(document).value
    if not spec or conditions.is_true(status.conditions, conditions.ANSWERED):
        return None
    meta = _meta(document)
    return DecisionFacts(
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        spec=spec,
        generation=meta.generation,
    )


def _model_status(document: Mapping[str, Any]) -> ModelDeploymentStatus:
    return parse.status(ModelDeploymentStatus, document)


def _run_status(document: Mapping[str, Any]) -> RetrainJobStatus:
    return parse.status(RetrainJobStatus, document)


def _meta(document: Mapping[str, Any]) -> Meta:
    metadata = document["metadata"]
    return Meta(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata["uid"],
        generation=metadata.get("generation") or 1,
        resource_version=metadata["resourceVersion"],
        created_at=moment(metadata.get("creationTimestamp")) or LONG_AGO,
        is_deleting="deletionTimestamp" in metadata,
    )
