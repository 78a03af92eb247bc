"""Values and helpers of the port."""

from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Selection, pages
from perennial_operator.testing import ScriptedCluster


def test_the_core_group_has_no_slash() -> None:
    """An apiVersion is the version alone, or group and version."""
    assert (kinds.POD.api_version, kinds.JOB.api_version) == ("v1", "batch/v1")


def test_a_list_is_read_page_by_page() -> None:
    """All items come together with the version of the list."""
    pods = [{"kind": "Pod", "metadata": {"name": name}} for name in ("a", "b", "c")]
    cluster = ScriptedCluster(*pods)
    assert pages(cluster, kinds.POD, Selection()) == (pods, "900")
    assert [call[2] for call in cluster.calls] == ["", "1", "2"]


def test_an_empty_list_is_one_page() -> None:
    """Nothing is asked twice."""
    cluster = ScriptedCluster()
    assert pages(cluster, kinds.POD, Selection()) == ([], "900")
    assert len(cluster.calls) == 1
