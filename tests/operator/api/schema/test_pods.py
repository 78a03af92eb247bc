"""The curated Pod fields: what is there, and above all what is not."""

from collections.abc import Iterator
from typing import Any

from perennial_operator.api.schema import pods
from perennial_operator.api.schema.fields import Cel

ALL = {
    "env": pods.ENV,
    "nodeSelector": pods.NODE_SELECTOR,
    "tolerations": pods.TOLERATIONS,
    "affinity": pods.AFFINITY,
    "topologySpreadConstraints": pods.TOPOLOGY_SPREAD,
    "volumes": pods.VOLUMES,
    "securityContext": pods.SECURITY_CONTEXT,
    "resources": pods.RESOURCES,
}
# What would give a Pod more than its namespace grants, or another namespace's objects.
ESCALATIONS = {
    "hostPath", "hostNetwork", "hostPID", "hostIPC", "hostPort", "privileged", "capabilities",
    "allowPrivilegeEscalation", "procMount", "sysctls", "projected", "serviceAccountToken", "csi",
    "nfs", "fieldRef", "resourceFieldRef", "namespace", "namespaces", "namespaceSelector",
    "seccompProfile", "seLinuxOptions", "mountPropagation", "subPathExpr", "volumeDevices",
}  # fmt: skip


def property_names(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the name of every property at any depth."""
    for name, child in schema.get("properties", {}).items():
        yield name
        yield from property_names(child)
    if "items" in schema:
        yield from property_names(schema["items"])


def test_no_field_widens_the_rights_of_a_pod() -> None:
    """Host access, capabilities, tokens and other namespaces cannot be written at all."""
    found = {name for schema in ALL.values() for name in property_names(schema)}

    assert found & ESCALATIONS == set()


def test_volumes_come_from_the_namespace_or_are_empty_and_sized() -> None:
    """Four sources, and an empty folder says how large it may grow."""
    item = pods.VOLUMES["items"]

    assert set(item["properties"]) - {"name", "mountPath", "readOnly", "subPath"} == {
        "configMap",
        "secret",
        "emptyDir",
        "persistentVolumeClaim",
    }
    assert item["properties"]["emptyDir"]["required"] == ["sizeLimit"]


def test_lists_by_name_merge_by_name() -> None:
    """Two tools may own one variable each."""
    assert pods.ENV["x-kubernetes-list-map-keys"] == ["name"]
    assert pods.VOLUMES["x-kubernetes-list-map-keys"] == ["name"]
    assert pods.TOLERATIONS["x-kubernetes-list-type"] == "atomic"


def test_selectors_are_atomic() -> None:
    """Half a selector of each of two tools would select something else."""
    assert pods.NODE_SELECTOR["x-kubernetes-map-type"] == "atomic"


def test_rules_are_added_after_those_that_are_there() -> None:
    """The given schema is not changed."""
    first = pods.with_rules(pods.text(), (Cel("a", "set a"),))
    second = pods.with_rules(first, (Cel("b", "set b", ".b", "FieldValueRequired"),))

    assert [each["rule"] for each in second["x-kubernetes-validations"]] == ["a", "b"]
    assert len(first["x-kubernetes-validations"]) == 1
    assert second["x-kubernetes-validations"][1] == {
        "rule": "b",
        "message": "set b",
        "reason": "FieldValueRequired",
        "fieldPath": ".b",
    }


def test_a_schema_without_rules_is_returned_as_it_is() -> None:
    """No empty list of rules."""
    assert pods.with_rules(pods.text(), ()) == {"type": "string", "maxLength": 253}


def test_a_record_without_required_fields_has_no_such_list() -> None:
    """As Kubernetes wants it."""
    assert pods.record({"a": pods.number()}) == {
        "type": "object",
        "properties": {"a": {"type": "integer", "format": "int64"}},
    }
