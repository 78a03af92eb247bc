"""Steady load that checks every answer: none lost, none wrong.

An answer is right if it is what the model of the revision that gave it answers for that row.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import numpy as np

REVISION_HEADER = "x-perennial-revision"
OK = 200
Expected = Callable[[str], Awaitable[np.ndarray]]


@dataclass
class Tally:
    """What came back so far; `recent` counts answers a revision in the last round."""

    sent: int = 0
    right: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    by_revision: Counter[str] = field(default_factory=Counter)
    recent: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0


class Load:
    """Sends rows one by one at a steady rate and checks each answer."""

    def __init__(self, url: str, features: np.ndarray, *, expected: Expected, rate: float) -> None:
        """Aim at `url`, `rate` requests a second; `expected` gives a revision's labels by row."""
        self.tally = Tally()
        self._url = url
        self._features = features
        self._expected = expected
        self._pause = 1.0 / rate
        self._stopping = asyncio.Event()
        self._known: dict[str, np.ndarray] = {}

    def stop(self) -> None:
        """Send nothing more."""
        self._stopping.set()

    async def run(self) -> None:
        """Send until stopped; every request is awaited to its end."""
        async with httpx.AsyncClient(timeout=10) as client, asyncio.TaskGroup() as group:
            row, due = 0, time.monotonic()
            while not self._stopping.is_set():
                group.create_task(self._ask(client, row % len(self._features)))
                row, due = row + 1, due + self._pause
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _ask(self, client: httpx.AsyncClient, row: int) -> None:
        self.tally.sent += 1
        began = time.monotonic()
        try:
            answer = await client.post(self._url, json=_request(self._features[row]))
        except httpx.HTTPError as error:
            self.tally.lost.append(f"row {row}: {error!r}")
            return
        self.tally.slowest_seconds = max(self.tally.slowest_seconds, time.monotonic() - began)
        if answer.status_code != OK:
            self.tally.lost.append(f"row {row}: {answer.status_code} {answer.text[:200]}")
            return
        await self._check(row, answer)

    async def _check(self, row: int, answer: httpx.Response) -> None:
        revision = answer.headers[REVISION_HEADER]
        if revision not in self._known:
            self._known[revision] = await self._expected(revision)
        outputs = {output["name"]: output["data"] for output in answer.json()["outputs"]}
        label, right = outputs["label"][0], self._known[revision][row]
        self.tally.by_revision[revision] += 1
        self.tally.recent[revision] += 1
        if int(label) == int(right):
            self.tally.right += 1
        else:
            self.tally.wrong.append(f"row {row}: {revision} answered {label}, not {right}")


def _request(values: np.ndarray) -> dict[str, object]:
    return {
        "inputs": [
            {
                "name": "input",
                "shape": [1, len(values)],
                "datatype": "FP32",
                "data": values.tolist(),
            }
        ]
    }
