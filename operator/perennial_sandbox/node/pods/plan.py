"""What a Pod asks for, as typed values: its containers in the order in which they matter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from perennial_sandbox.node.pods import probing, quantities
from perennial_sandbox.node.pods.objects import Json, at


class Role(Enum):
    """What a container is for: a step before the others, a native sidecar, or the work itself."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume seen by a container below a path."""

    volume: str
    path: str
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a Pod."""

    name: str
    role: Role = Role.MAIN
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    restart_policy: str = "Always"
    working_directory: str = ""
    environment: tuple[Json, ...] = ()
    environment_from: tuple[Json, ...] = ()
    mounts: tuple[Mount, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    resources: Json = field(default_factory=dict)
    startup: probing.Probe | None = None
    readiness: probing.Probe | None = None
    liveness: probing.Probe | None = None
    pre_stop: Json | None = None
    termination_path: str = "/dev/termination-log"
    uses_logs_as_message: bool = False

    @property
    def memory_limit_bytes(self) -> int | None:
        """The memory the container may use, None if it has no limit."""
        limit = at(self.resources, "limits", "memory")
        return None if limit is None else quantities.share(limit, 1)


@dataclass(frozen=True, slots=True)
class PodPlan:
    """The containers of a Pod, init containers first, each group in the order of the spec."""

    containers: tuple[Container, ...]
    volumes: tuple[Json, ...] = ()
    uses_host_network: bool = False
    readiness_gates: tuple[str, ...] = ()
    grace_seconds: int = 30

    def of(self, *roles: Role) -> tuple[Container, ...]:
        """Return the containers with one of these roles, in order."""
        return tuple(one for one in self.containers if one.role in roles)


def plan_of(pod: Json) -> PodPlan:
    """Read the plan from a Pod."""
    spec = pod["spec"]
    policy = spec.get("restartPolicy", "Always")
    initial = [_container(one, _init_role(one), policy) for one in spec.get("initContainers", ())]
    main = [_container(one, Role.MAIN, policy) for one in spec["containers"]]
    return PodPlan(
        containers=(*initial, *main),
        volumes=tuple(spec.get("volumes", ())),
        uses_host_network=bool(spec.get("hostNetwork")),
        readiness_gates=tuple(one["conditionType"] for one in spec.get("readinessGates", ())),
        grace_seconds=spec.get("terminationGracePeriodSeconds", 30),
    )


def image_name(image: str) -> str:
    """Return an image's name without tag and digest; a registry's port is part of the name.

    >>> image_name("host:5000/team/app:v1@sha256:ab")
    'host:5000/team/app'
    """
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _init_role(spec: Json) -> Role:
    return Role.SIDECAR if spec.get("restartPolicy") == "Always" else Role.INIT


def _container(spec: Json, role: Role, policy: str) -> Container:
    return Container(
        name=spec["name"],
        role=role,
        image=spec.get("image", ""),
        command=tuple(spec.get("command", ())),
        args=tuple(spec.get("args", ())),
        restart_policy=spec.get("restartPolicy", policy),
        working_directory=spec.get("workingDir", ""),
        environment=tuple(spec.get("env", ())),
        environment_from=tuple(spec.get("envFrom", ())),
        mounts=tuple(_mount(one) for one in spec.get("volumeMounts", ())),
        ports={one["name"]: one["containerPort"] for one in spec.get("ports", ()) if "name" in one},
        resources=spec.get("resources", {}),
        startup=probing.probe_of(spec.get("startupProbe")),
        readiness=probing.probe_of(spec.get("readinessProbe")),
        liveness=probing.probe_of(spec.get("livenessProbe")),
        pre_stop=at(spec, "lifecycle", "preStop"),
        termination_path=spec.get("terminationMessagePath", "/dev/termination-log"),
        uses_logs_as_message=spec.get("terminationMessagePolicy") == "FallbackToLogsOnError",
    )


def _mount(spec: Json) -> Mount:
    return Mount(spec["name"], spec["mountPath"].rstrip("/") or "/", spec.get("subPath", ""))
