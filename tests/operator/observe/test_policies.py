"""Whether the admission policies are in force."""

from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Kind
from perennial_operator.errors import Unavailable
from perennial_operator.observe.policies import are_active
from perennial_operator.testing import ScriptedCluster


def named(kind: Kind, name: str) -> dict[str, Any]:
    """Return an object with only a name."""
    return {"kind": kind.kind, "metadata": {"name": name}}


def installed() -> ScriptedCluster:
    """Return a cluster with all policies, bound."""
    both = (kinds.ADMISSION_POLICY, kinds.ADMISSION_POLICY_BINDING)
    return ScriptedCluster(*(named(kind, name) for kind in both for name in names.POLICIES))


def test_all_policies_bound_are_active() -> None:
    """Three policies, three bindings."""
    assert are_active(installed(), known=False)


@pytest.mark.parametrize("kind", [kinds.ADMISSION_POLICY, kinds.ADMISSION_POLICY_BINDING])
def test_a_missing_policy_or_binding_is_noticed(kind: Kind) -> None:
    """A policy that is not bound does nothing."""
    cluster = installed()
    del cluster.live[kind.kind, names.POLICIES[1]]
    assert not are_active(cluster, known=True)


@pytest.mark.parametrize("known", [True, False])
def test_without_an_answer_the_last_one_stands(known: bool) -> None:  # noqa: FBT001  # a table
    """An outage is no reason to refuse approvals."""
    cluster = installed()
    cluster.fail("get", Unavailable("away"))
    assert are_active(cluster, known=known) is known
