"""Field types that more than one kind uses: references, Pod fields, conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial_operator.api.schema import pods, texts
from perennial_operator.api.schema.fields import spec

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalReference:
    """A name in the same namespace."""

    name: str = spec("Name of the object in this namespace.", minLength=1, **texts.OBJECT_NAME)


@dataclass(frozen=True, slots=True)
class PodFields:
    """The curated Pod fields: everything else of a Pod is the operator's."""

    env: tuple[Raw, ...] = spec(
        "Environment of the main container: value, or valueFrom a key of a Secret or ConfigMap.",
        default=(),
        raw=pods.ENV,
    )
    node_selector: Mapping[str, str] = spec(
        "Labels a node must have.", default={}, raw=pods.NODE_SELECTOR
    )
    tolerations: tuple[Raw, ...] = spec(
        "Taints the Pods tolerate.", default=(), raw=pods.TOLERATIONS
    )
    affinity: Raw = spec("Scheduling affinity, as in a Pod.", default={}, raw=pods.AFFINITY)
    topology_spread_constraints: tuple[Raw, ...] = spec(
        "Spread over topology.", default=(), raw=pods.TOPOLOGY_SPREAD
    )
    service_account_name: str = spec(
        "ServiceAccount of the Pods; no token is mounted.", default="", **texts.OBJECT_NAME
    )
    image_pull_secrets: tuple[LocalReference, ...] = spec(
        "Secrets for the image.", default=(), maxItems=10, list_type="map:name"
    )
    volumes: tuple[Raw, ...] = spec(
        "Volumes (configMap, secret, sized emptyDir, persistentVolumeClaim) with their mountPath.",
        default=(),
        raw=pods.VOLUMES,
    )
    runtime_class_name: str = spec("RuntimeClass of the Pods.", default="", **texts.OBJECT_NAME)
    host_users: bool | None = spec("False runs the Pods in a user namespace.", default=None)
    security_context: Raw = spec(
        "runAsUser, runAsGroup, fsGroup, supplementalGroups; the restricted standard stays.",
        default={},
        raw=pods.SECURITY_CONTEXT,
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of `status.conditions`, in the standard form of Kubernetes."""

    type: str = spec("Type, in CamelCase.", maxLength=64)
    status: str = spec("True, False or Unknown.", enum=["True", "False", "Unknown"])
    reason: str = spec("Machine reason, in CamelCase.", minLength=1, maxLength=128)
    message: str = spec("The cause and the next step, for people.", default="", maxLength=1024)
    observed_generation: int = spec("Generation that is judged.", default=0, minimum=0)
    last_transition_time: str = spec(
        "When the status changed last.", default="", format="date-time"
    )
