"""What a planner sees: one frozen picture of an object and its surroundings.

`observe` builds it; missing evidence is `Missing`, never zero. Times are aware UTC datetimes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from perennial_operator.api.decision import DecisionSpec
from perennial_operator.api.documents.parse import Finding
from perennial_operator.api.model_deployment import ModelDeploymentSpec
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.routing_intent import RevisionCounters, RouterState
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.api.status.retrain_job import RetrainJobStatus

T = TypeVar("T")

MODEL = "md"
RUN = "rj"
ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Key:
    """Names one unit of work; `kind` is MODEL, RUN or ROUTER (then `name` is empty)."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value from a slow source, and when it was taken."""

    value: T
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """No value: why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """How the last pass over this key ended, if it failed. `in_a_row` counts Unavailable."""

    reason: str
    message: str
    is_invalid: bool
    in_a_row: int = 1


@dataclass(frozen=True, slots=True)
class Meta:
    """Identity of a root."""

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    created_at: datetime
    is_deleting: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """A live object of ours (or of our name) with its document, without managedFields."""

    kind: str
    name: str
    uid: str
    resource_version: str
    document: Mapping[str, Any]
    is_deleting: bool = False


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """How one container of a Pod stands.

    `exit_code`, `reason` and `message` are of the last termination, also after a restart;
    `message` is the waiting text while a container never ran.
    """

    name: str
    is_init: bool = False
    is_ready: bool = False
    is_running: bool = False
    waiting_reason: str = ""
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    restarts: int = 0
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PodFacts:
    """The few values of a Pod that plans read."""

    name: str
    uid: str
    labels: Mapping[str, str]
    phase: str
    ip: str = ""
    created_at: datetime | None = None
    is_ready: bool = False
    ready_since: datetime | None = None
    is_deleting: bool = False
    is_disrupted: bool = False
    unschedulable: str = ""
    containers: tuple[ContainerFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """A Decision about this root that is not answered yet."""

    name: str
    uid: str
    resource_version: str
    created_at: datetime
    spec: DecisionSpec
    generation: int = 1


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """Requests of one revision through all routers in one window of `seconds`."""

    ended_at: datetime
    seconds: float
    first: int
    status_5xx: int
    unreachable: int


@dataclass(frozen=True, slots=True)
class RevisionTraffic:
    """What the routers report of one revision.

    `totals` sums all router Pods since the reader began; `quiet_since` is when the last first
    attempt was seen to end (None = never counted or still moving); `windows` are the complete
    windows of the last minute, oldest first.
    """

    totals: RevisionCounters
    quiet_since: datetime | None
    windows: tuple[WindowCounts, ...] = ()


@dataclass(frozen=True, slots=True)
class Traffic:
    """The routers of a namespace.

    `expected` counts the ready router Pods; all of them answered iff `states` is as long.
    """

    expected: int
    states: tuple[RouterState, ...]
    revisions: Mapping[str, RevisionTraffic]


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the operator that plans read, latched for a pass."""

    serving_image: str
    operator_image: str
    envoy_image: str
    router_replicas: int = 2
    allowed_hosts: str = ""
    allow_private_networks: bool = False
    allow_unsafe_formats: bool = False
    allowed_trainer_images: tuple[str, ...] = ()
    max_active_runs_per_namespace: int = 2
    drain_delay_seconds: int = 10
    step_cpu: str = "500m"
    step_memory: str = "1Gi"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A RetrainJob as its ModelDeployment sees it."""

    meta: Meta
    spec: RetrainJobSpec
    status: RetrainJobStatus


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A ModelDeployment as a RetrainJob sees it; `revisions` are its ControllerRevisions."""

    meta: Meta
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus
    revisions: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """Everything that a decision about a ModelDeployment needs.

    `missing_references` names Secrets, ServiceAccounts and so on that spec refers to and that
    Pods report as absent.
    """

    key: Key
    meta: Meta
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus
    status_is_lost: bool
    options: Options
    children: tuple[Child, ...] = ()
    pods: tuple[PodFacts, ...] = ()
    decisions: tuple[DecisionFacts, ...] = ()
    runs: tuple[RunFacts, ...] = ()
    traffic: Reading[Traffic] | Missing = field(default_factory=lambda: Missing("NotRead"))
    policies_active: bool = True
    last_failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """Everything that a decision about a RetrainJob needs."""

    key: Key
    meta: Meta
    spec: RetrainJobSpec
    status: RetrainJobStatus
    options: Options
    model: ModelFacts | None = None
    other_runs: tuple[RunFacts, ...] = ()
    children: tuple[Child, ...] = ()
    pods: tuple[PodFacts, ...] = ()
    decisions: tuple[DecisionFacts, ...] = ()
    policies_active: bool = True
    last_failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class RouterSnapshot:
    """Everything that a decision about a namespace's router needs."""

    key: Key
    options: Options
    models: tuple[str, ...]
    operator_namespace: str
    token_of: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Child, ...] = ()
    last_failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class RefusedSnapshot:
    """A root whose spec cannot be acted on, and everything that is wrong with it."""

    key: Key
    meta: Meta
    status: ModelDeploymentStatus | RetrainJobStatus
    findings: tuple[Finding, ...]
    decisions: tuple[DecisionFacts, ...] = ()
    children: tuple[Child, ...] = ()


Snapshot = ModelSnapshot | RunSnapshot | RouterSnapshot | RefusedSnapshot
