"""Tests of the pins."""

import re

from perennial_sandbox.binaries import go_build, versions


def test_the_go_module_pins_the_same_versions() -> None:
    """Whichever source the programs come from, they are the same."""
    module = (go_build.MODULE / "go.mod").read_text()
    staging = "v0." + versions.KUBERNETES.split(".", 1)[1]
    replaced = set(re.findall(r"^\tk8s.io/\S+ => k8s.io/\S+ (\S+)$", module, re.MULTILINE))
    assert f"k8s.io/kubernetes v{versions.KUBERNETES}\n" in module
    assert f"go.etcd.io/etcd/server/v3 v{versions.ETCD}\n" in module
    assert f"\ngo {versions.GO}.0\n" in module
    assert replaced == {staging}
