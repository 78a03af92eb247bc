"""Structural schemas of the curated Pod fields: what a user may set, and nothing else.

Kubernetes' own names and shapes. Every text, list and map is bounded.
"""

from collections.abc import Mapping
from typing import Any

from perennial_operator.api.schema.fields import Cel

Schema = dict[str, Any]

_RULES = "x-kubernetes-validations"
RESERVED_PATHS = ("/models", "/perennial", "/tmp")  # noqa: S108  # paths of the Pod, not of ours


RESERVED_VOLUMES = ("models", "scratch", "credentials")


def text(max_length: int = 253, **rules: Any) -> Schema:  # noqa: ANN401  # schema keywords
    """Return the schema of a text."""
    return {"type": "string", "maxLength": max_length, **rules}


def number(**rules: Any) -> Schema:  # noqa: ANN401  # schema keywords
    """Return the schema of a whole number."""
    return {"type": "integer", "format": "int64", **rules}


def record(properties: Mapping[str, Schema], *required: str, cel: tuple[Cel, ...] = ()) -> Schema:
    """Return the schema of an object with these fields."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    return with_rules(schema, cel)


def rows(items: Schema, max_items: int, key: str = "") -> Schema:
    """Return the schema of a list: a map by `key`, else atomic."""
    schema: Schema = {"type": "array", "items": items, "maxItems": max_items}
    schema["x-kubernetes-list-type"] = "map" if key else "atomic"
    if key:
        schema["x-kubernetes-list-map-keys"] = [key]
    return schema


def texts(max_items: int, *, max_length: int = 253) -> Schema:
    """Return the schema of an atomic list of texts."""
    return rows(text(max_length), max_items)


def with_rules(schema: Schema, cel: tuple[Cel, ...]) -> Schema:
    """Return the schema with these CEL rules after those it has."""
    if not cel:
        return schema
    rules = [*schema.get(_RULES, []), *(rule_document(each) for each in cel)]
    return {**schema, _RULES: rules}


def rule_document(cel: Cel) -> Schema:
    """Return a CEL rule as CRDs write it."""
    document = {"rule": cel.rule, "message": cel.message, "reason": cel.reason}
    if cel.field_path:
        document["fieldPath"] = cel.field_path
    return document


_PRESENCE = "optional: the Pod starts without it"
_KEY_REFERENCE = record(
    {"name": text(), "key": text(), "optional": {"type": "boolean", "description": _PRESENCE}},
    "name",
    "key",
)

ENV_ITEM = record(
    {
        "name": text(128),
        "value": text(8192),
        "valueFrom": record(
            {"secretKeyRef": _KEY_REFERENCE, "configMapKeyRef": _KEY_REFERENCE},
            cel=(
                Cel(
                    "has(self.secretKeyRef) != has(self.configMapKeyRef)",
                    "set exactly one of secretKeyRef and configMapKeyRef",
                ),
            ),
        ),
    },
    "name",
    cel=(
        Cel(
            "self.name.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
            "set a name of letters, digits and '_', because shells and programs expect it",
            ".name",
        ),
        Cel(
            "!self.name.startsWith('PERENNIAL_') && self.name != 'MODEL_DIR'",
            "set another name, because the operator sets PERENNIAL_* and MODEL_DIR itself",
            ".name",
        ),
        Cel(
            "!(has(self.value) && has(self.valueFrom))",
            "set value or valueFrom, not both, because a variable has one source",
            ".valueFrom",
        ),
    ),
)
ENV = rows(ENV_ITEM, 100, "name")

_QUANTITY: Schema = {
    "x-kubernetes-int-or-string": True,
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "maxLength": 32,
    "x-kubernetes-validations": [
        rule_document(
            Cel(
                "type(self) == int ? self >= 0 : "
                "isQuantity(self) && quantity(self).compareTo(quantity('0')) >= 0",
                "set a quantity of 0 or more, like 500m, 2 or 1Gi",
            )
        )
    ],
}
_AMOUNTS: Schema = {"type": "object", "additionalProperties": _QUANTITY, "maxProperties": 16}
_WITHIN_LIMIT = (
    "!has(self.requests) || !has(self.limits) || "
    "self.requests.all(k, !(k in self.limits) || quantity(string(self.requests[k]))"
    ".compareTo(quantity(string(self.limits[k]))) <= 0)"
)
RESOURCES = record(
    {"requests": _AMOUNTS, "limits": _AMOUNTS},
    cel=(
        Cel(
            _WITHIN_LIMIT,
            "set requests at or below limits, because no node can give a Pod more than its limit",
            ".requests",
        ),
    ),
)

_TOLERATION = record(
    {
        "key": text(316),
        "operator": text(6, enum=["Exists", "Equal"]),
        "value": text(63),
        "effect": text(16, enum=["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        "tolerationSeconds": number(),
    },
    cel=(
        Cel(
            "!has(self.operator) || self.operator != 'Exists' || !has(self.value) "
            "|| self.value == ''",
            "remove value or set operator: Equal, because Exists compares no value",
            ".value",
        ),
        Cel(
            "(has(self.key) && self.key != '') || "
            "(has(self.operator) && self.operator == 'Exists')",
            "set key, or set operator: Exists to tolerate every taint",
            ".key",
        ),
    ),
)
TOLERATIONS = rows(_TOLERATION, 20)

_EXPRESSION = record(
    {"key": text(316), "operator": text(16), "values": texts(50, max_length=63)},
    "key",
    "operator",
)
_LABELS: Schema = {
    "type": "object",
    "additionalProperties": text(63),
    "maxProperties": 20,
    "x-kubernetes-map-type": "atomic",
}
_SELECTOR = record({"matchLabels": _LABELS, "matchExpressions": rows(_EXPRESSION, 20)})
_SELECTOR["x-kubernetes-map-type"] = "atomic"
NODE_SELECTOR = _LABELS

_POLICY = text(6, enum=["Honor", "Ignore"])
_SPREAD = record(
    {
        "maxSkew": number(minimum=1),
        "minDomains": number(minimum=1),
        "topologyKey": text(316),
        "whenUnsatisfiable": text(16, enum=["DoNotSchedule", "ScheduleAnyway"]),
        "labelSelector": _SELECTOR,
        "matchLabelKeys": texts(10, max_length=316),
        "nodeAffinityPolicy": _POLICY,
        "nodeTaintsPolicy": _POLICY,
    },
    "maxSkew",
    "topologyKey",
    "whenUnsatisfiable",
)
TOPOLOGY_SPREAD = rows(_SPREAD, 10)

_WEIGHT = number(minimum=1, maximum=100)
_NODE_TERM = record(
    {"matchExpressions": rows(_EXPRESSION, 20), "matchFields": rows(_EXPRESSION, 5)}
)
_NODE_AFFINITY = record(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": record(
            {"nodeSelectorTerms": rows(_NODE_TERM, 10)}, "nodeSelectorTerms"
        ),
        "preferredDuringSchedulingIgnoredDuringExecution": rows(
            record({"weight": _WEIGHT, "preference": _NODE_TERM}, "weight", "preference"), 10
        ),
    }
)
_POD_TERM = record({"labelSelector": _SELECTOR, "topologyKey": text(316)}, "topologyKey")
_POD_AFFINITY = record(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": rows(_POD_TERM, 10),
        "preferredDuringSchedulingIgnoredDuringExecution": rows(
            record({"weight": _WEIGHT, "podAffinityTerm": _POD_TERM}, "weight", "podAffinityTerm"),
            10,
        ),
    }
)
AFFINITY = record(
    {
        "nodeAffinity": _NODE_AFFINITY,
        "podAffinity": _POD_AFFINITY,
        "podAntiAffinity": _POD_AFFINITY,
    }
)

_ITEMS = rows(record({"key": text(), "path": text(1024)}, "key", "path"), 50)
_ONE_SOURCE = (
    "[has(self.configMap), has(self.secret), has(self.emptyDir), "
    "has(self.persistentVolumeClaim)].exists_one(each, each)"
)
_NOT_RESERVED = " && ".join(
    f"self.mountPath != '{path}' && !self.mountPath.startsWith('{path}/')"
    for path in RESERVED_PATHS
)
_VOLUME = record(
    {
        "name": text(40),
        "mountPath": text(1024),
        "readOnly": {"type": "boolean"},
        "subPath": text(1024),
        "configMap": record({"name": text(), "items": _ITEMS}, "name"),
        "secret": record({"secretName": text(), "items": _ITEMS}, "secretName"),
        "emptyDir": record(
            {"medium": text(6, enum=["", "Memory"]), "sizeLimit": _QUANTITY}, "sizeLimit"
        ),
        "persistentVolumeClaim": record({"claimName": text()}, "claimName"),
    },
    "name",
    "mountPath",
    cel=(
        Cel(
            _ONE_SOURCE,
            "set exactly one of configMap, secret, emptyDir and persistentVolumeClaim",
            ".name",
        ),
        Cel(
            "self.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            "set a name of lower-case letters, digits and '-', because Pods demand it",
            ".name",
        ),
        Cel(
            f"!(self.name in {list(RESERVED_VOLUMES)})",
            f"set another name than {', '.join(RESERVED_VOLUMES)}, because the operator's own "
            "volumes have these",
            ".name",
        ),
        Cel(
            "self.mountPath.matches('^/[^/:]') && !self.mountPath.matches('/[.][.](/|$)')",
            "set an absolute path without ':' and '..', like /data",
            ".mountPath",
        ),
        Cel(
            _NOT_RESERVED,
            f"set a path outside {', '.join(RESERVED_PATHS)}, because the operator mounts there",
            ".mountPath",
        ),
        Cel(
            "!has(self.subPath) || !self.subPath.matches('^/|(^|/)[.][.](/|$)')",
            "set a relative path without '..', because it must stay inside the volume",
            ".subPath",
        ),
    ),
)
VOLUMES = rows(_VOLUME, 20, "name")

_ID = with_rules(
    number(maximum=2_147_483_647),
    (Cel("self > 0", "set an id above 0, because Pods never run as root"),),
)
SECURITY_CONTEXT = record(
    {
        "runAsUser": _ID,
        "runAsGroup": _ID,
        "fsGroup": _ID,
        "supplementalGroups": {**rows(_ID, 20), "x-kubernetes-list-type": "set"},
    }
)
