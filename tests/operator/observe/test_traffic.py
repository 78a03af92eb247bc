"""Routers are asked over HTTP; who does not answer is missing."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from perennial_operator.api import documents, names
from perennial_operator.api.routing_intent import ModelState, RouterState
from perennial_operator.loop.store import Store
from perennial_operator.observe import traffic
from perennial_operator.observe.records import record
from perennial_operator.observe.traffic import Question, TrafficReader
from perennial_operator.plan.snapshot import Key, Reading, Traffic

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEY = Key("router", "a", "")
LABELS = {names.LABEL_COMPONENT: names.COMPONENT_ROUTER}


def router_pod(name: str, ip: str, *, ready: str = "True", **metadata: str) -> dict[str, Any]:
    """Return a Pod of the router."""
    known = {"name": name, "namespace": "a", "uid": name, "resourceVersion": "1", "labels": LABELS}
    status = {"podIP": ip, "conditions": [{"type": "Ready", "status": ready}]}
    return {"kind": "Pod", "metadata": {**known, **metadata}, "status": status}


def store(*pods: dict[str, Any]) -> Store:
    """Return a store with a router."""
    metadata = {
        "name": names.ROUTER,
        "namespace": "a",
        "uid": "d",
        "resourceVersion": "1",
        "labels": LABELS,
    }
    made = Store()
    for document in ({"kind": "Deployment", "metadata": metadata}, *pods):
        made.upsert(record(document))
    return made


def test_ready_router_pods_are_asked() -> None:
    """With the token of their Deployment."""
    known = store(
        router_pod("r1", "127.0.0.2"),
        router_pod("r2", "127.0.0.3", ready="False"),
        router_pod("r3", "127.0.0.4", deletionTimestamp="now"),
        router_pod("r4", ""),
    )
    assert traffic.questions(known, KEY, lambda uid: f"token-{uid}") == (
        Question("r1", "127.0.0.2", "token-d"),
    )


def test_without_a_router_nobody_is_asked() -> None:
    """There is no token either."""
    assert traffic.questions(Store(), KEY, str) == ()


def state(pod: str = "r1", **fields: Any) -> RouterState:  # noqa: ANN401  # fields of ModelState
    """Return the state of a router that runs one model."""
    usual = {"epoch": 1, "acknowledged": True, "since": "", "weights": {"x": 10_000}}
    model = ModelState(**{**usual, "endpoints": {}, **fields})
    return RouterState(pod, "1", "now", "v1", models={"churn": model})


def answer(request: httpx.Request) -> httpx.Response:
    """Answer as routers do."""
    if request.url.host == "127.0.0.9":
        message = "refused"
        raise httpx.ConnectError(message)
    if request.headers["Authorization"] != "Bearer good":
        return httpx.Response(401)
    assert request.url.path == "/v1/state"
    assert request.url.port == 8081
    return httpx.Response(200, content=json.dumps(documents.dump(state())))


async def test_answers_make_a_reading() -> None:
    """A dead router, or one that refuses us, is expected and missing."""
    asked = [
        Question("r1", "127.0.0.2", "good"),
        Question("r2", "127.0.0.9", "good"),
        Question("r3", "fd00::1", "bad"),
    ]
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        reading = await TrafficReader().read(client, asked, clock=lambda: NOON)
    assert reading == Reading(Traffic(3, (state(),), {}), NOON)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"x" * 5_000_000])
def test_what_is_no_state_is_no_answer(body: bytes) -> None:
    """A router of another version must not break a pass."""
    assert traffic.parse(body) is None


def reading(*states: RouterState, expected: int = 1) -> Reading[Traffic]:
    """Return a reading of these states."""
    return Reading(Traffic(expected, states, {}), NOON)


@pytest.mark.parametrize(
    ("before", "after", "models"),
    [
        (None, reading(state()), {"churn"}),
        (reading(state()), reading(state()), set()),
        (reading(state()), reading(state(epoch=2)), {"churn"}),
        (reading(state()), reading(state(acknowledged=False)), {"churn"}),
        (reading(state()), reading(state(refused="bad sum")), {"churn"}),
        (reading(state()), reading(state(weights={"y": 10_000})), {"churn"}),
        (reading(state()), reading(state(), state("r2"), expected=2), {"churn"}),
        (reading(state()), reading(), {"churn"}),
    ],
)
def test_news_are_changes_of_what_is_in_force(
    before: Reading[Traffic] | None, after: Reading[Traffic], models: set[str]
) -> None:
    """Counters alone are no news."""
    assert traffic.news(before, after) == models
