"""The routing intent that the operator writes and the router agent obeys, and the agent's answer.

`RoutingIntent` is key `intent.json` of ConfigMap `<md>-routing`; `RouterState` is the body of
the agent's `GET /v1/state`. Weights are integers in 1/10,000 and sum to 10,000.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

WEIGHT_SUM = 10_000


@dataclass(frozen=True, slots=True)
class Arm:
    """One revision's share of the live traffic; `arm` is `stable` or `candidate`."""

    arm: str
    revision: str
    weight: int


@dataclass(frozen=True, slots=True)
class RoutingIntent:
    """What the router shall do for one model. `epoch` only rises; `keep` are warm revisions."""

    model: str
    uid: str
    epoch: int
    arms: tuple[Arm, ...]
    keep: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    timeout_seconds: int = 30
    retry_attempts: int = 2
    v: int = 1


@dataclass(frozen=True, slots=True)
class RevisionCounters:
    """What one router Pod saw of one revision since its boot; `first` = first attempts."""

    first: int = 0
    retries: int = 0
    connect_failures: int = 0
    resets: int = 0
    timeouts: int = 0
    status_2xx: int = 0
    status_4xx: int = 0
    status_5xx: int = 0
    active: int = 0


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model in one router Pod: the epoch in force and the weights Envoy really has.

    `acknowledged` is True once Envoy runs the route table that holds this epoch; `refused` says
    why a newer intent was not taken ("" if none).
    """

    epoch: int
    acknowledged: bool
    since: str = ""
    weights: Mapping[str, int] = field(default_factory=dict)
    endpoints: Mapping[str, int] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()
    refused: str = ""
    counters: Mapping[str, RevisionCounters] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouterState:
    """The answer of one router Pod. `boot` changes when its counters start again at zero."""

    pod: str
    boot: str
    time: str
    config_version: str = ""
    config_rejected: str = ""
    models: Mapping[str, ModelState] = field(default_factory=dict)
