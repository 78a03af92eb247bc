"""Snapshots show exactly what belongs to a key."""

from typing import Any

from perennial_operator.api import conditions, names, reasons
from perennial_operator.loop.store import Store
from perennial_operator.observe.objects import (
    LONG_AGO,
    Look,
    Surroundings,
    decisions,
    no_token,
    root,
    snapshot,
)
from perennial_operator.observe.records import record
from perennial_operator.plan.snapshot import (
    Failure,
    Key,
    Missing,
    ModelSnapshot,
    RefusedSnapshot,
    RouterSnapshot,
    RunSnapshot,
)
from perennial_operator.testing import OPTIONS, decision, model_deployment, retrain_job

MODEL = Key("md", "default", "churn")
RUN = Key("rj", "default", "again")
ROUTER = Key("router", "default", "")


def live(document: dict[str, Any], **metadata: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return a document as the server sends it."""
    known = {"uid": f"uid-{document['metadata']['name']}", "resourceVersion": "7", "generation": 1}
    return {**document, "metadata": {**document["metadata"], **known, **metadata}}


def child(kind: str, name: str, *, root_uid: str = "uid-churn") -> dict[str, Any]:
    """Return a child of the model."""
    labels = {
        names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
        names.LABEL_ROOT_NAME: "churn",
        names.LABEL_ROOT_UID: root_uid,
    }
    metadata = {"name": name, "namespace": "default", "labels": labels}
    return live({"apiVersion": "v1", "kind": kind, "metadata": metadata})


def look(key: Key, *documents: dict[str, Any], last_failure: Failure | None = None) -> Any:  # noqa: ANN401  # by key
    """Return the snapshot of a key over these objects."""
    store = Store()
    for document in documents:
        store.upsert(record(document))
    surroundings = Surroundings(OPTIONS, "perennial-system", token_of=lambda uid: f"t-{uid}")
    return snapshot(Look(store, key, surroundings, last_failure))


def test_an_unseen_root_has_no_snapshot() -> None:
    """Decisions about it may yet exist."""
    assert look(MODEL) is None
    assert look(RUN) is None
    assert root(Store(), ROUTER) is None


def test_a_model_sees_its_children_pods_decisions_and_runs() -> None:
    """Those of a namesake that is going away are not its own."""
    target = {"kind": names.MODEL_DEPLOYMENT, "name": "churn"}
    seen = look(
        MODEL,
        live(model_deployment()),
        child("Deployment", "d"),
        child("Pod", "p"),
        child("Deployment", "old", root_uid="uid-before"),
        child("Pod", "old-p", root_uid="uid-before"),
        live(decision("stop", "Abort", target=target)),
        live(retrain_job()),
        live(retrain_job("foreign", model="other")),
        last_failure=Failure("Forbidden", "no", is_invalid=False),
    )
    assert isinstance(seen, ModelSnapshot)
    assert [each.name for each in seen.children] == ["d"]
    assert [each.name for each in seen.pods] == ["p"]
    assert [each.name for each in seen.decisions] == ["stop"]
    assert [each.meta.name for each in seen.runs] == ["again"]
    assert seen.traffic == Missing("NotRead")
    assert seen.last_failure
    assert (seen.meta.created_at, seen.status_is_lost) == (LONG_AGO, False)


def test_history_without_status_means_that_it_was_lost() -> None:
    """Any status at all means that it was not."""
    history = child("ControllerRevision", "churn-1")
    assert look(MODEL, live(model_deployment()), history).status_is_lost
    told = {**model_deployment(), "status": {"observedGeneration": 1}}
    assert not look(MODEL, live(told), history).status_is_lost


def test_a_run_sees_its_model_and_all_other_runs() -> None:
    """The model with its revisions; runs of other models share the quota."""
    seen = look(
        RUN,
        live(retrain_job()),
        live(retrain_job("foreign", model="other")),
        live(model_deployment()),
        child("ControllerRevision", "churn-1"),
        child("Deployment", "churn-1"),
    )
    assert isinstance(seen, RunSnapshot)
    assert seen.model
    assert [each.kind for each in seen.model.revisions] == ["ControllerRevision"]
    assert [each.meta.name for each in seen.other_runs] == ["foreign"]


def test_a_run_without_model_sees_none() -> None:
    """Absent, or refused itself: nothing can be offered to it."""
    assert look(RUN, live(retrain_job())).model is None
    refused = live(model_deployment())
    refused["spec"]["model"]["uri"] = "gopher://old"
    assert look(RUN, live(retrain_job()), refused).model is None


def test_a_router_sees_its_parts_and_whether_models_live() -> None:
    """Deleted models need no router; each Deployment has its token."""
    labels = {names.LABEL_COMPONENT: names.COMPONENT_ROUTER}
    metadata = {"name": "perennial-router", "namespace": "default", "labels": labels}
    parts = [
        live({"kind": kind, "metadata": metadata}) for kind in ("Deployment", "Pod", "Service")
    ]
    gone = live(model_deployment("gone"), deletionTimestamp="now")
    seen = look(ROUTER, live(model_deployment()), gone, *parts)
    assert isinstance(seen, RouterSnapshot)
    assert seen.models == ("churn",)
    assert [each.kind for each in seen.children] == ["Deployment", "Service"]
    assert seen.token_of == {"uid-perennial-router": "t-uid-perennial-router"}
    assert no_token("x") == ""


def test_a_refused_spec_is_seen_as_refused() -> None:
    """With everything that is wrong, and the status as it was."""
    bad_model = live(model_deployment())
    bad_model["spec"]["model"]["uri"] = "gopher://old"
    bad_run = live(retrain_job())
    bad_run["spec"]["output"]["uri"] = "gopher://old"
    for key, document in ((MODEL, bad_model), (RUN, bad_run)):
        seen = look(key, document)
        assert isinstance(seen, RefusedSnapshot)
        assert [each.reason for each in seen.findings] == [reasons.INVALID_SPEC]


def test_answered_decisions_are_done_and_the_oldest_comes_first() -> None:
    """Those that do not parse are nobody's."""
    store = Store()
    target = {"kind": names.MODEL_DEPLOYMENT, "name": "churn"}
    times = {"b": "2026-01-05T12:00:00Z", "a": "2026-01-05T12:00:00Z", "c": "2026-01-05T11:00:00Z"}
    for name, moment in times.items():
        document = live(decision(name, "Abort", target=target), creationTimestamp=moment)
        store.upsert(record(document))
    answered = live(decision("done", "Abort", target=target))
    shown = {"type": conditions.ANSWERED, "status": "True", "reason": "Accepted"}
    store.upsert(record({**answered, "status": {"conditions": [shown]}}))
    broken = live(decision("broken", "Abort", target=target))
    del broken["spec"]["action"]
    store.upsert(record(broken))
    assert [each.name for each in decisions(store, MODEL)] == ["c", "a", "b"]
