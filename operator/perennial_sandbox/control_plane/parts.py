"""The command line of each part of the control plane. Pure: values in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.record import Record

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
NODE = "node"
STANDBY = "standby"
SUPERVISOR = "supervisor"
NODE_NAME = "sandbox"
SERVICE_RANGE = "10.96.0.0/16"
# They refuse loopback addresses, which all Pods here have; the router watches Pods instead.
_CONTROLLERS_OFF = (
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
)


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the sandbox."""

    name: str
    command: tuple[str, ...]
    after_port: int | None = None


def all_parts(layout: Layout, record: Record) -> tuple[Part, ...]:
    """Return every process that the supervisor keeps alive, in the order of their start."""
    parts = [
        _etcd(layout, record),
        _api_server(layout, record),
        _controller_manager(layout, record),
        _scheduler(layout, record),
        _standby(layout, record),
    ]
    if record.with_node:
        parts.append(_node(layout, record))
    return tuple(parts)


def supervisor_command(layout: Layout, record: Record) -> tuple[str, ...]:
    """Return the command line that keeps all parts alive."""
    module = "perennial_sandbox.supervisor"
    return (str(record.python), "-m", module, "--directory", str(layout.directory))


def _etcd(layout: Layout, record: Record) -> Part:
    client = f"https://127.0.0.1:{record.ports.etcd}"
    peer = f"https://127.0.0.1:{record.ports.etcd_peer}"
    certificate, key = layout.certificate("server"), layout.key("server")
    authority = layout.certificate("ca")
    flags = {
        "name": "sandbox",
        "data-dir": layout.etcd,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"sandbox={peer}",
        "client-cert-auth": "true",
        "trusted-ca-file": authority,
        "cert-file": certificate,
        "key-file": key,
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": authority,
        "peer-cert-file": certificate,
        "peer-key-file": key,
        "log-level": "warn",
        # Only a crash of the host loses what the kernel has not written; a killed etcd does not.
        "unsafe-no-fsync": "true",
    }
    return Part(ETCD, _command(record, ETCD, flags))


def _api_server(layout: Layout, record: Record) -> Part:
    flags = {
        "etcd-servers": f"https://127.0.0.1:{record.ports.etcd}",
        "etcd-cafile": layout.certificate("ca"),
        "etcd-certfile": layout.certificate("apiserver-client"),
        "etcd-keyfile": layout.key("apiserver-client"),
        "secure-port": record.ports.api,
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        # The address would go into an EndpointSlice, which refuses loopback.
        "endpoint-reconciler-type": "none",
        "tls-cert-file": layout.certificate("server"),
        "tls-private-key-file": layout.key("server"),
        "client-ca-file": layout.certificate("ca"),
        "cert-dir": layout.keys,
        "token-auth-file": layout.tokens,
        "authorization-mode": "Node,RBAC",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": layout.certificate("service-accounts"),
        "service-account-signing-key-file": layout.key("service-accounts"),
        "service-cluster-ip-range": SERVICE_RANGE,
        "kubelet-client-certificate": layout.certificate("apiserver-client"),
        "kubelet-client-key": layout.key("apiserver-client"),
        "kubelet-preferred-address-types": "InternalIP,Hostname",
        "allow-privileged": "true",
        "profiling": "false",
    }
    command = _command(record, API_SERVER, flags)
    return Part(API_SERVER, command, after_port=record.ports.etcd)


def _controller_manager(layout: Layout, record: Record) -> Part:
    off = [f"-{name}" for name in _CONTROLLERS_OFF]
    flags = {
        "kubeconfig": layout.access(CONTROLLER_MANAGER),
        "controllers": ",".join(["*", *off]),
        "service-account-private-key-file": layout.key("service-accounts"),
        "root-ca-file": layout.certificate("ca"),
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "secure-port": 0,
        "cert-dir": layout.keys,
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        # A busy laptop must not lose its Pods because the node was late for a minute.
        "node-monitor-grace-period": "2m",
        "profiling": "false",
    }
    command = _command(record, CONTROLLER_MANAGER, flags)
    return Part(CONTROLLER_MANAGER, command, after_port=record.ports.api)


def _scheduler(layout: Layout, record: Record) -> Part:
    flags = {
        "kubeconfig": layout.access(SCHEDULER),
        "leader-elect": "false",
        "secure-port": 0,
        "cert-dir": layout.keys,
        "profiling": "false",
    }
    return Part(SCHEDULER, _command(record, SCHEDULER, flags), after_port=record.ports.api)


def _standby(layout: Layout, record: Record) -> Part:
    # Waits for the supervisor's lock, so it takes over in the moment in which that one dies.
    return Part(STANDBY, (*supervisor_command(layout, record), "--standby"))


def _node(layout: Layout, record: Record) -> Part:
    modules = ("-m", "perennial_sandbox.supervisor.sealed", "perennial_sandbox.node")
    command = (str(record.python), *modules, "--config", str(layout.node_settings))
    return Part(NODE, command, after_port=record.ports.api)


def _command(record: Record, program: str, flags: Mapping[str, object]) -> tuple[str, ...]:
    words = [f"--{name}={value}" for name, value in flags.items()]
    return (str(record.programs / program), *words)
