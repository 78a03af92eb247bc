"""Tests of reads of plain objects."""

from datetime import datetime, timedelta, timezone

import pytest

from perennial_sandbox.node.pods import objects
from perennial_sandbox.node.testing import pod


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("a", "b"), 1),
        (("a", "c"), None),
        (("x",), None),
        (("a", "b", "c"), None),
        ((), {"a": {"b": 1}}),
    ],
)
def test_an_absent_part_of_a_path_is_none(path: tuple[str, ...], found: object) -> None:
    """A path that leaves the object ends in None, never in an error."""
    assert objects.at({"a": {"b": 1}}, *path) == found


def test_nothing_holds_nothing() -> None:
    """A missing object has no parts."""
    assert objects.at(None, "a") is None


def test_a_pod_tells_its_names() -> None:
    """Name, namespace and uid come from the metadata."""
    thing = pod()
    names = (objects.namespace_of(thing), objects.name_of(thing), objects.uid_of(thing))
    assert names == ("default", "p", "u-1")


def test_a_cluster_scoped_object_has_no_namespace() -> None:
    """The namespace of a Node is the empty text."""
    assert objects.namespace_of({"metadata": {"name": "node"}}) == ""


@pytest.mark.parametrize(
    ("phase", "is_finished"),
    [("Pending", False), ("Running", False), ("Succeeded", True), ("Failed", True)],
)
def test_only_final_phases_finish_a_pod(phase: str, is_finished: bool) -> None:  # noqa: FBT001  # a case's data
    """A Pod is finished when its phase cannot change any more."""
    assert objects.is_finished({"status": {"phase": phase}}) is is_finished


def test_a_deletion_timestamp_marks_a_deletion() -> None:
    """An object is being deleted once the server wrote when."""
    thing = pod()
    before = objects.is_deleting(thing)
    thing["metadata"]["deletionTimestamp"] = "2030-01-01T12:00:00Z"
    assert (before, objects.is_deleting(thing)) == (False, True)


def test_moments_are_written_in_utc_and_whole_seconds() -> None:
    """Kubernetes' timestamps have no zone but UTC and no fraction."""
    moment = datetime(2030, 1, 1, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert objects.timestamp(moment) == "2030-01-01T12:00:00Z"
