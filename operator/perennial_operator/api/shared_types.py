"""Field types that more than one kind uses: references, Pod fields, conditions, approvals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial_operator.api.fields import spec

DURATION = r"^[1-9][0-9]*(s|m|h|d)$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,6})?$"

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalReference:
    """A name in the same namespace."""

    name: str = spec("Name of the object in this namespace.", minLength=1, maxLength=253)


@dataclass(frozen=True, slots=True)
class PodFields:
    """The curated Pod fields: everything else of a Pod is the operator's."""

    env: tuple[Raw, ...] = spec("Environment of the main container.", default=())
    node_selector: Mapping[str, str] = spec("Labels a node must have.", default={})
    tolerations: tuple[Raw, ...] = spec("Taints the Pods tolerate.", default=())
    affinity: Raw = spec("Scheduling affinity, as in a Pod.", default={})
    topology_spread_constraints: tuple[Raw, ...] = spec("Spread over topology.", default=())
    service_account_name: str = spec("ServiceAccount of the Pods; no token is mounted.", default="")
    image_pull_secrets: tuple[LocalReference, ...] = spec("Secrets for the image.", default=())
    volumes: tuple[Raw, ...] = spec("Volumes with their mount path.", default=())
    runtime_class_name: str = spec("RuntimeClass of the Pods.", default="")
    host_users: bool | None = spec("False runs the Pods in a user namespace.", default=None)
    security_context: Raw = spec("Ids only; the restricted standard stays.", default={})


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of `status.conditions`, in the standard form of Kubernetes."""

    type: str
    status: str
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""
