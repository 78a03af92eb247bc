"""Tests of what a Pod may ask about itself."""

import base64

import pytest

from perennial_sandbox.node.pods import facts
from perennial_sandbox.node.pods.facts import CONFIG_MAP, SECRET, Facts, Source
from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.testing import pod


def known(**metadata: object) -> Facts:
    """Return the facts of a Pod with addresses."""
    thing = pod(serviceAccountName="robot")
    thing["metadata"] |= metadata
    return Facts(thing, "127.9.0.1", "127.0.0.1", {"cpu": "2", "memory": "4Gi"})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "u-1"),
        ("spec.nodeName", "node"),
        ("spec.serviceAccountName", "robot"),
        ("status.podIP", "127.9.0.1"),
        ("status.podIPs", "127.9.0.1"),
        ("status.hostIP", "127.0.0.1"),
        ("status.hostIPs", "127.0.0.1"),
        ("metadata.labels['x.y/z']", "1"),
        ("metadata.labels['no']", ""),
        ("metadata.annotations['a']", 'say "x"\n'),
        ("metadata.labels", 'b="2"\nx.y/z="1"'),
        ("metadata.annotations", r'a="say \"x\"\n"'),
        ("spec.containers", None),
    ],
)
def test_every_field_path_of_the_downward_api_is_known(path: str, value: str | None) -> None:
    """An unknown path has no value, which is not the empty text."""
    seen = known(labels={"x.y/z": "1", "b": "2"}, annotations={"a": 'say "x"\n'})
    assert facts.field_value(seen, path) == value


def test_a_pod_without_labels_has_no_lines_of_them() -> None:
    """Absent labels are an empty file."""
    assert facts.field_value(known(), "metadata.labels") == ""


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.memory", "1Mi", "64"),
        ("limits.cpu", "1m", "2000"),
        ("limits.cpu", "0", "2"),
        ("requests.cpu", "1m", "250"),
        ("requests.memory", "1", "0"),
        ("limits.gpu", "1", None),
    ],
)
def test_resources_come_in_units_of_the_divisor(
    resource: str, divisor: str, value: str | None
) -> None:
    """An absent limit is the node's capacity, an absent request is 0."""
    one = Container("c", resources={"limits": {"memory": "64Mi"}, "requests": {"cpu": "250m"}})
    reference = {"resource": resource, "divisor": divisor}
    assert facts.resource_value(known(), one, reference) == value


def test_entries_are_bytes_whatever_the_kind() -> None:
    """Secrets are decoded, binary data of a ConfigMap too, its texts are encoded."""
    coded = base64.b64encode(b"\xff").decode()
    seen = Facts(
        pod(),
        objects={
            Source(CONFIG_MAP, "c"): {"data": {"a": "ä"}, "binaryData": {"b": coded}},
            Source(SECRET, "s"): {"data": {"k": coded}},
            Source(SECRET, "empty"): {},
        },
    )
    found = [
        seen.entries(Source(kind, name))
        for kind, name in ((CONFIG_MAP, "c"), (SECRET, "s"), (SECRET, "empty"), (SECRET, "no"))
    ]
    assert found == [{"a": "ä".encode(), "b": b"\xff"}, {"k": b"\xff"}, {}, None]
