"""The three CustomResourceDefinitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from perennial_operator.api import names
from perennial_operator.api.decision import DecisionSpec, DecisionStatus
from perennial_operator.api.model_deployment import ModelDeploymentSpec
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.schema import pods, structural
from perennial_operator.api.schema.fields import Cel
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.api.status.retrain_job import RetrainJobStatus

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a wide one is shown with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind: its names, its two halves, and what the API server does with it."""

    kind: str
    plural: str
    spec: type
    status: type
    doc: str
    name_limit: int
    columns: tuple[Column, ...]
    short_names: tuple[str, ...] = ()
    selectable: tuple[str, ...] = ()
    is_scalable: bool = False


def _condition(type_: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{field}'


AGE = Column("Age", ".metadata.creationTimestamp", "date")

MODEL_DEPLOYMENT = Definition(
    kind=names.MODEL_DEPLOYMENT,
    plural="modeldeployments",
    spec=ModelDeploymentSpec,
    status=ModelDeploymentStatus,
    doc="A model that is served behind a router and replaced by tested revisions only.",
    name_limit=40,
    short_names=("md",),
    is_scalable=True,
    columns=(
        Column("Ready", _condition("Ready", "status")),
        Column("Reason", _condition("Ready", "reason")),
        Column("Stable", ".status.revisions.stable"),
        Column("Candidate", ".status.revisions.candidate"),
        Column("Traffic", ".status.traffic"),
        AGE,
        Column("URL", ".status.url", is_wide=True),
        Column("Replicas", ".status.replicas", "integer", is_wide=True),
    ),
)

RETRAIN_JOB = Definition(
    kind=names.RETRAIN_JOB,
    plural="retrainjobs",
    spec=RetrainJobSpec,
    status=RetrainJobStatus,
    doc="One run from data to a proven candidate for a ModelDeployment.",
    name_limit=38,
    short_names=("rj",),
    selectable=(".spec.modelRef.name",),
    columns=(
        Column("Outcome", ".status.outcome"),
        Column("Reason", ".status.state"),
        Column("Model", ".spec.modelRef.name"),
        Column("Trigger", ".spec.trigger.type"),
        Column("Candidate", ".status.candidate.digest"),
        AGE,
        Column("Engine", ".spec.engine.type", is_wide=True),
        Column("Champion", ".status.champion.revision", is_wide=True),
        Column("Rows", ".status.data.trainRows", "integer", is_wide=True),
    ),
)

DECISION = Definition(
    kind=names.DECISION,
    plural="decisions",
    spec=DecisionSpec,
    status=DecisionStatus,
    doc="One act of a person about one object, on the evidence that it names. Immutable.",
    name_limit=63,
    selectable=(".spec.target.name", ".spec.action"),
    columns=(
        Column("Action", ".spec.action"),
        Column("Target", ".spec.target.name"),
        Column("By", ".spec.by"),
        Column("Answer", _condition("Answered", "reason")),
        AGE,
        Column("Attempt", ".spec.attempt", is_wide=True),
        Column("Reason", ".spec.reason", is_wide=True),
    ),
)

DEFINITIONS = (MODEL_DEPLOYMENT, RETRAIN_JOB, DECISION)


def documents() -> Iterator[Document]:
    """Yield the CustomResourceDefinition of each kind."""
    yield from (custom_resource_definition(each) for each in DEFINITIONS)


def custom_resource_definition(definition: Definition) -> Document:
    """Return the CustomResourceDefinition of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "categories": ["perennial"],
                **({"shortNames": list(definition.short_names)} if definition.short_names else {}),
            },
            "versions": [_version(definition)],
        },
    }


def _version(definition: Definition) -> Document:
    subresources: Document = {"status": {}}
    if definition.is_scalable:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    version: Document = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(definition)},
        "subresources": subresources,
        "additionalPrinterColumns": [_column(each) for each in definition.columns],
    }
    if definition.selectable:
        version["selectableFields"] = [{"jsonPath": each} for each in definition.selectable]
    return version


def _root(definition: Definition) -> Document:
    schema = {
        "type": "object",
        "description": definition.doc,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {
                "type": "object",
                "properties": {"name": pods.text(definition.name_limit)},
            },
            "spec": structural.schema_of(definition.spec),
            "status": structural.schema_of(definition.status),
        },
    }
    return pods.with_rules(schema, (_name_rule(definition),))


def _name_rule(definition: Definition) -> Cel:
    limit = definition.name_limit
    return Cel(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && "
        f"self.metadata.name.size() <= {limit}",
        f"set a name of at most {limit} lower-case letters, digits and '-' that starts with a "
        "letter, because names of Services and Jobs are made from it",
        ".metadata.name",
    )


def _column(column: Column) -> Document:
    document: Document = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.is_wide:
        document["priority"] = 1
    return document
