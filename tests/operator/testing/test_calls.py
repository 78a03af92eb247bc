"""The stand-in of the port does what tests rely on."""

import pytest

from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Selection, WatchEvent
from perennial_operator.errors import Unavailable
from perennial_operator.testing import ListedStream, ScriptedCluster, SilentStream

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "a"}}


def test_writes_are_kept_and_seen() -> None:
    """Each answer has an identity and a newer version."""
    cluster = ScriptedCluster()
    made = cluster.create(OBJECT)
    again = cluster.apply(OBJECT, manager="m")
    assert made["metadata"]["uid"] == again["metadata"]["uid"]
    assert int(again["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert cluster.get(kinds.CONFIG_MAP, namespace="a", name="x") == again
    cluster.delete(kinds.CONFIG_MAP, namespace="a", name="x", preconditions={"uid": "u"})
    assert cluster.get(kinds.CONFIG_MAP, namespace="a", name="x") is None
    assert cluster.merge_patch(kinds.EVENT, namespace="a", name="e", patch={"a": 1}) == {"a": 1}


def test_failures_come_in_their_order_and_end() -> None:
    """Then the cluster answers again."""
    cluster = ScriptedCluster()
    cluster.fail("get", Unavailable("one"))
    with pytest.raises(Unavailable):
        cluster.get(kinds.CONFIG_MAP, namespace="a", name="x")
    assert cluster.get(kinds.CONFIG_MAP, namespace="a", name="x") is None


def test_streams_are_given_or_silent() -> None:
    """A silent one ends when it is closed."""
    event = WatchEvent("ADDED", OBJECT)
    cluster = ScriptedCluster()
    cluster.streams = [ListedStream([event, Unavailable("broke")])]
    given = cluster.watch(kinds.CONFIG_MAP, Selection(), since="1")
    found: list[WatchEvent] = []
    with pytest.raises(Unavailable):
        found.extend(iter(given))
    given.close()
    assert given.is_closed
    silent = cluster.watch(kinds.CONFIG_MAP, Selection(), since="1")
    assert isinstance(silent, SilentStream)
    silent.close()
    assert list(silent) == []
