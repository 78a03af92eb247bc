"""Asks each ready router Pod what it runs and counts; the answers of a namespace make a Reading.

Slow or dead routers cost their own task a timeout and nobody else anything.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import httpx

from perennial_operator.api import documents, names
from perennial_operator.api.routing_intent import RouterState
from perennial_operator.observe.records import Record
from perennial_operator.observe.tally import Tally
from perennial_operator.plan.snapshot import Key, PodFacts, Reading, Traffic

ADMIN_PORT = 8081
PATH = "/v1/state"
TIMEOUT_SECONDS = 2.0
LIMIT_BYTES = 4_194_304


class Routers(Protocol):
    """What this module reads of the store."""

    def get(self, kind: str, *, namespace: str, name: str) -> Record | None:
        """Return the object of that name."""

    def of_key(self, key: Key) -> tuple[Record, ...]:
        """Return everything that belongs to a key."""


@dataclass(frozen=True, slots=True)
class Question:
    """One router Pod to ask, and the token that it demands."""

    pod: str
    ip: str
    token: str


def questions(routers: Routers, key: Key, token_of: Callable[[str], str]) -> tuple[Question, ...]:
    """Return whom to ask in a namespace: its ready router Pods."""
    deployment = routers.get("Deployment", namespace=key.namespace, name=names.ROUTER)
    if not deployment:
        return ()
    token = token_of(deployment.uid)
    return tuple(
        Question(pod.name, pod.ip, token)
        for pod in (each.pod for each in routers.of_key(key))
        if pod and _answers(pod)
    )


def _answers(pod: PodFacts) -> bool:
    return bool(pod.is_ready and pod.ip and not pod.is_deleting)


class TrafficReader:
    """Keeps the tally of one namespace."""

    def __init__(self) -> None:
        """Start without any answer."""
        self._tally = Tally()

    async def read(
        self,
        client: httpx.AsyncClient,
        asked: Iterable[Question],
        *,
        clock: Callable[[], datetime],
    ) -> Reading[Traffic]:
        """Ask all at once; who does not answer is missing in the states."""
        listed = list(asked)
        answers = await asyncio.gather(*(_ask(client, each) for each in listed))
        states = [each for each in answers if each]
        now = clock()
        return Reading(self._tally.take(states, expected=len(listed), now=now), now)


def parse(body: bytes) -> RouterState | None:
    """Return the state that a body holds, None if it holds none."""
    if len(body) > LIMIT_BYTES:
        return None
    try:
        return documents.load(RouterState, json.loads(body))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def news(before: Reading[Traffic] | None, after: Reading[Traffic]) -> frozenset[str]:
    """Return the models whose acknowledged epochs or weights differ between two readings."""
    old = _in_force(before.value) if before else {}
    new = _in_force(after.value)
    return frozenset(model for model in old | new if old.get(model) != new.get(model))


async def _ask(client: httpx.AsyncClient, question: Question) -> RouterState | None:
    host = f"[{question.ip}]" if ":" in question.ip else question.ip
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            response = await client.get(
                f"http://{host}:{ADMIN_PORT}{PATH}",
                headers={"Authorization": f"Bearer {question.token}"},
            )
    except (httpx.HTTPError, TimeoutError):
        return None
    return parse(response.content) if response.status_code == httpx.codes.OK else None


def _in_force(traffic: Traffic) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for state in traffic.states:
        for name, model in state.models.items():
            shown = (model.epoch, model.acknowledged, tuple(sorted(model.weights.items())))
            found[name] = (*found.get(name, (traffic.expected,)), (*shown, model.refused))
    return found
