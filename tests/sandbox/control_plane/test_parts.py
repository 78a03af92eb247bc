"""Tests of the command lines of the parts."""

from dataclasses import replace
from pathlib import Path

from perennial_sandbox.control_plane import parts
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.record import Ports, Record

_LAYOUT = Layout(Path("/state"))
_RECORD = Record(
    programs=Path("/programs"),
    python=Path("/bin/python"),
    address_prefix="127.16",
    ports=Ports(etcd=12001, etcd_peer=12002, api=12003, kubelet=12004),
    with_node=True,
)


def _commands() -> dict[str, tuple[str, ...]]:
    return {part.name: part.command for part in parts.all_parts(_LAYOUT, _RECORD)}


def test_parts_start_in_the_order_in_which_they_need_each_other() -> None:
    """Each waits for the port of the one it cannot begin without."""
    found = [(part.name, part.after_port) for part in parts.all_parts(_LAYOUT, _RECORD)]
    assert found == [
        ("etcd", None),
        ("kube-apiserver", 12001),
        ("kube-controller-manager", 12003),
        ("kube-scheduler", 12003),
        ("standby", None),
        ("node", 12003),
    ]


def test_without_a_node_the_rest_is_the_same() -> None:
    """Tests of the API alone need no processes of Pods."""
    without = parts.all_parts(_LAYOUT, replace(_RECORD, with_node=False))
    assert without == parts.all_parts(_LAYOUT, _RECORD)[:-1]


def test_everything_listens_on_loopback_only() -> None:
    """No flag names an address that another host could reach."""
    commands = _commands()
    words = [word for command in commands.values() for word in command]
    assert not any("0.0.0.0" in word for word in words)  # noqa: S104  # it must not appear
    assert "--bind-address=127.0.0.1" in commands["kube-apiserver"]
    assert "--secure-port=0" in commands["kube-controller-manager"]
    assert "--secure-port=0" in commands["kube-scheduler"]


def test_the_store_talks_only_to_clients_of_its_own_authority() -> None:
    """Another user of the host cannot read Secrets past the API server."""
    command = _commands()["etcd"]
    assert "--client-cert-auth=true" in command
    assert "--peer-client-cert-auth=true" in command
    assert not any(word.startswith("--listen") and "http:" in word for word in command)


def test_only_the_controllers_that_refuse_loopback_are_off() -> None:
    """All others, and all admission plugins, are as Kubernetes ships them."""
    commands = _commands()
    off = "-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller"
    assert f"--controllers=*,{off}" in commands["kube-controller-manager"]
    assert not any("admission" in word for word in commands["kube-apiserver"])


def test_our_own_parts_run_in_the_same_python() -> None:
    """The supervisor, its standby and the node see the packages that `up` saw."""
    supervisor = parts.supervisor_command(_LAYOUT, _RECORD)
    commands = _commands()
    assert supervisor[:3] == ("/bin/python", "-m", "perennial_sandbox.supervisor")
    assert commands["standby"] == (*supervisor, "--standby")
    assert commands["node"] == (
        *("/bin/python", "-m", "perennial_sandbox.supervisor.sealed", "perennial_sandbox.node"),
        *("--config", "/state/node.json"),
    )
