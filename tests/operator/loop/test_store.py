"""The store keeps the newest state of each object and says which keys that makes due."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api import names
from perennial_operator.loop import store as stores
from perennial_operator.loop.store import CHILD, DECISION, USER, Due, Store
from perennial_operator.observe.records import Record, record
from perennial_operator.plan.snapshot import Key
from perennial_operator.testing import decision, model_deployment, retrain_job

MODEL = Key("md", "default", "churn")
RUN = Key("rj", "default", "again")
ROUTER = Key("router", "default", "")


def seen(document: dict[str, Any], version: int, **metadata: Any) -> Record:  # noqa: ANN401  # JSON
    """Return the record of a document at a version."""
    known = {"uid": "u1", "generation": 1, "resourceVersion": str(version), **metadata}
    return record({**document, "metadata": {**document["metadata"], **known}})


def child(name: str, version: int, *, data: str = "x", **metadata: Any) -> Record:  # noqa: ANN401  # JSON
    """Return a ConfigMap of the model."""
    labels = {
        names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
        names.LABEL_ROOT_NAME: "churn",
        names.LABEL_ROOT_UID: "u1",
    }
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "data": {"key": data},
    }
    return seen(document, version, **{"generation": None, **metadata})


def status(version: int, text: str = "", **metadata: Any) -> Record:  # noqa: ANN401  # JSON
    """Return the model with a status."""
    return seen({**model_deployment(), "status": {"traffic": text}}, version, **metadata)


def test_a_new_root_is_due_with_its_router() -> None:
    """A user's object is the user's doing; the router of its namespace may be needed."""
    assert Store().upsert(seen(model_deployment(), 1)) == (Due(MODEL, USER), Due(ROUTER, CHILD))


def test_only_newer_versions_are_taken() -> None:
    """Old news and echoes change nothing."""
    store = Store()
    newest = seen(model_deployment(model="two"), 5)
    store.upsert(newest)
    assert store.upsert(seen(model_deployment(), 4)) == ()
    assert store.upsert(newest) == ()
    assert store.get(names.MODEL_DEPLOYMENT, namespace="default", name="churn") == newest


def test_our_own_reply_is_stored_and_makes_nobody_due_but_those_who_read_it() -> None:
    """One write means no extra pass over the same key, and its echo is not newer."""
    store = Store()
    store.upsert(seen(model_deployment(), 1))
    store.upsert(seen(retrain_job(), 2))
    reply = status(3, "100%")
    assert store.upsert(reply, is_own=True) == (Due(RUN, CHILD), Due(ROUTER, CHILD))
    assert store.upsert(reply) == ()
    assert store.upsert(child("x", 4), is_own=True) == ()


def test_a_root_that_we_made_begins_at_once() -> None:
    """A Retry makes a run: its key is another one than that of the pass that made it."""
    store = Store()
    assert Due(RUN, USER) in store.upsert(seen(retrain_job(), 1), is_own=True)
    moved = {**retrain_job(), "status": {"state": "Pending"}}
    assert Due(RUN, USER) not in store.upsert(seen(moved, 2), is_own=True)


def test_a_foreign_change_of_status_is_seen() -> None:
    """Who writes our status is corrected."""
    store = Store()
    store.upsert(status(1, "100%"), is_own=True)
    assert Due(MODEL, USER) in store.upsert(status(2, "tampered"))


@pytest.mark.parametrize(
    ("after", "is_due"),
    [
        (child("x", 2), False),
        (child("x", 2, annotations={"a": "b"}), True),
        (child("x", 2, data="other"), True),
        (child("x", 2, deletionTimestamp="2026-01-05T12:00:00Z"), True),
    ],
)
def test_a_child_makes_its_root_due_only_if_something_matters(after: Record, is_due: bool) -> None:  # noqa: FBT001  # a table
    """A newer version alone is no reason for a pass."""
    store = Store()
    store.upsert(child("x", 1))
    assert store.upsert(after) == ((Due(MODEL, CHILD),) if is_due else ())


def test_a_decision_makes_its_target_due_at_once() -> None:
    """Its source says that a person waits."""
    target = {"kind": names.RETRAIN_JOB, "name": "again"}
    assert Store().upsert(seen(decision("d", "Abort", target=target), 1)) == (Due(RUN, DECISION),)


def test_a_run_makes_its_model_and_siblings_due() -> None:
    """They read each other's status."""
    store = Store()
    store.upsert(seen(retrain_job("other"), 1))
    assert store.upsert(seen(retrain_job(), 2)) == (
        Due(RUN, USER),
        Due(Key("rj", "default", "other"), CHILD),
        Due(MODEL, CHILD),
    )


def test_an_object_of_nobody_is_kept_and_makes_nobody_due() -> None:
    """It has our label, but names no root."""
    stray = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "a"}}
    store = Store()
    assert store.upsert(seen(stray, 1)) == ()
    assert store.remove(seen(stray, 2)) == ()
    assert len(store) == 0


def test_a_child_that_changes_its_root_makes_both_due() -> None:
    """Labels can be edited by anybody."""
    store = Store()
    store.upsert(child("x", 1))
    moved = replace(child("x", 2, data="other"), key=RUN)
    assert set(store.upsert(moved)) == {Due(MODEL, CHILD), Due(RUN, CHILD)}
    assert store.of_key(MODEL) == ()


def test_a_deletion_is_final() -> None:
    """A late reply of an earlier write does not bring the object back."""
    store = Store()
    store.upsert(child("x", 1))
    assert store.remove(child("x", 7)) == (Due(MODEL, CHILD),)
    assert store.upsert(child("x", 6), is_own=True) == ()
    assert len(store) == 0
    assert store.upsert(child("x", 8, uid="u2")) == (Due(MODEL, CHILD),)


def test_a_deletion_of_an_older_state_is_ignored() -> None:
    """The name was taken again before the news of the deletion came."""
    store = Store()
    store.upsert(child("x", 9, uid="u2"))
    assert store.remove(child("x", 7)) == ()
    assert len(store) == 1


def test_another_uid_is_another_object() -> None:
    """Remade in a gap of the watch: equal content, and yet due."""
    store = Store()
    store.upsert(child("x", 1))
    assert store.upsert(child("x", 2, uid="u2")) == (Due(MODEL, CHILD),)


def test_a_list_turns_what_vanished_into_deletions() -> None:
    """Only of its kind, its namespace and its time."""
    store = Store()
    store.upsert(child("gone", 1))
    store.upsert(child("kept", 2))
    store.upsert(child("newer", 12))
    store.upsert(seen(retrain_job(), 3))
    due = store.replace("ConfigMap", "default", records=[child("kept", 2)], version=10)
    assert due == (Due(MODEL, CHILD),)
    assert {each.name for each in store} == {"kept", "newer", "again"}
    assert store.replace("ConfigMap", "elsewhere", records=[], version=99) == ()
    assert store.replace("ConfigMap", "", records=[], version=99) == (Due(MODEL, CHILD),)


def test_keys_and_groups_are_known() -> None:
    """A router is looked at wherever a model lives."""
    store = Store()
    store.upsert(seen(model_deployment(), 1))
    store.upsert(child("x", 2))
    assert store.all_keys() == {MODEL, ROUTER}
    assert {each.name for each in store.of_key(MODEL)} == {"churn", "x"}
    assert [each.name for each in store.in_namespace("ConfigMap", "default")] == ["x"]
    assert store.in_namespace("ConfigMap", "elsewhere") == ()
    assert store.namespaces_of("ConfigMap") == ("default",)
    store.remove(child("x", 3))
    assert store.namespaces_of("ConfigMap") == ()


def test_tombstones_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(stores, "TOMBSTONES", 2)
    store = Store()
    for number in range(4):
        store.remove(child(f"x{number}", 10))
    assert store.upsert(child("x0", 5)) != ()
    assert store.upsert(child("x3", 5)) == ()


STEPS = [
    ("upsert", child("x", 1)),
    ("upsert", child("x", 2, data="two")),
    ("upsert", child("x", 3, data="three")),
    ("remove", child("x", 4, data="three")),
    ("upsert", child("x", 5, data="five", uid="u2")),
]


@given(st.permutations([*STEPS, *STEPS]))
def test_shuffled_and_doubled_events_end_in_the_same_store(
    events: list[tuple[str, Record]],
) -> None:
    """The order in which news arrive does not matter."""
    store = Store()
    for verb, item in events:
        getattr(store, verb)(item)
    assert list(store) == [STEPS[-1][1]]


@given(st.permutations(STEPS[:4]))
def test_a_deleted_object_stays_deleted_in_any_order(events: list[tuple[str, Record]]) -> None:
    """No ghost survives."""
    store = Store()
    for verb, item in itertools.chain(events, events):
        getattr(store, verb)(item)
    assert list(store) == []
