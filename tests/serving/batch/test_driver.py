"""The driver: inline or in a thread, batched while busy, halved when a batch fails."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from perennial_serving.batch.cost import Cost
from perennial_serving.batch.driver import Driver, Entry, Ran, Work
from perennial_serving.codec.tensors import FREE, Array, Signature, Tensors, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Unavailable

SIGNATURE = Signature((TensorSpec("x", "FP64", (FREE, 1)),), (TensorSpec("y", "FP64", (FREE,)),))
BAD = -1.0
FAR_SECONDS = 60.0
RUNS = 100  # more than any test needs


@dataclass
class Gated:
    """A model that doubles, fails on bad rows, and waits until its gate opens."""

    signature: Signature = SIGNATURE
    platform: str = "fake"
    is_threaded: bool = True
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    began: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Answer twice the row."""
        rows = inputs["x"]
        self.batches.append(len(rows))
        self.began.set()
        assert self.gate.acquire(timeout=30)
        if (rows == BAD).any():
            message = "a bad row"
            raise ArithmeticError(message)
        return [rows[:, 0] * 2 for _ in outputs]


def driver_of(model: Gated, *, threads: int = 1, is_mergeable: bool = True) -> Driver:
    """Return a driver without experience."""
    return Driver(model, cost=Cost(), threads=threads, max_batch_rows=64, is_mergeable=is_mergeable)


def work(*rows: float, seconds: float = FAR_SECONDS) -> Work:
    """Return a request of some rows."""
    deadline = time.monotonic() + seconds
    return Work({"x": np.array(rows).reshape(-1, 1)}, ("y",), len(rows), deadline)


async def busy(driver: Driver, model: Gated) -> Entry:
    """Start one request and wait until the model works on it."""
    entry = driver.start(work(0.0))
    await asyncio.to_thread(model.began.wait, 30)
    return entry


def answers(ran: Ran) -> list[float]:
    """Return the one output as a list."""
    numbers: list[float] = ran.outputs[0].tolist()
    return numbers


async def test_requests_that_wait_leave_together() -> None:
    """One run for all that came while the model was busy, each with its own rows."""
    model = Gated()
    driver = driver_of(model)
    first = await busy(driver, model)
    others = [driver.start(work(1.0, 2.0)), driver.start(work(3.0))]
    assert driver.queued == 2
    model.gate.release(RUNS)
    assert answers(await first.result) == [0.0]
    assert [answers(await other.result) for other in others] == [[2.0, 4.0], [6.0]]
    assert model.batches == [1, 3]
    assert (driver.counts.rows, driver.counts.batches) == (4, 2)
    driver.close()


async def test_a_bad_row_fails_its_own_request_only() -> None:
    """The batch is halved until the fault is alone."""
    model = Gated()
    driver = driver_of(model)
    await busy(driver, model)
    entries = [driver.start(work(value)) for value in (1.0, 2.0, BAD, 3.0, 4.0)]
    model.gate.release(RUNS)
    results = await asyncio.gather(*(entry.result for entry in entries), return_exceptions=True)
    assert isinstance(results[2], ArithmeticError)
    good = [answers(result) for result in results if isinstance(result, Ran)]
    assert good == [[2.0], [4.0], [6.0], [8.0]]
    assert driver.counts.splits == 2
    driver.close()


async def test_a_client_that_leaves_while_waiting_costs_nothing() -> None:
    """Its rows never reach the model."""
    model = Gated()
    driver = driver_of(model)
    await busy(driver, model)
    left, stays = driver.start(work(1.0)), driver.start(work(2.0))
    driver.discard(left)
    model.gate.release(RUNS)
    assert answers(await stays.result) == [4.0]
    assert model.batches == [1, 1]
    driver.close()


async def test_a_client_that_leaves_during_its_run_hurts_nobody() -> None:
    """Its part of the answer is dropped."""
    model = Gated()
    driver = driver_of(model)
    await busy(driver, model)
    model.began.clear()
    left, stays = driver.start(work(1.0)), driver.start(work(2.0))
    driver.discard(left)
    model.gate.release(RUNS)
    assert answers(await stays.result) == [4.0]
    driver.close()


async def test_clients_that_left_a_failing_batch_are_not_run_again() -> None:
    """Only those that still wait are tried by themselves."""
    model = Gated()
    driver = driver_of(model)
    first = await busy(driver, model)
    entries = [driver.start(work(value)) for value in (BAD, 1.0)]
    model.began.clear()
    model.gate.release()
    await first.result
    await asyncio.to_thread(model.began.wait, 30)
    driver.discard(entries[1])
    model.gate.release(RUNS)
    with pytest.raises(ArithmeticError):
        await entries[0].result
    assert model.batches == [1, 2, 1]
    driver.close()


@pytest.mark.parametrize("is_waiting", [True, False])
async def test_a_deadline_ends_the_wait(*, is_waiting: bool) -> None:
    """In the queue as well as during the run; the neighbor is answered."""
    model = Gated()
    driver = driver_of(model)
    first = await busy(driver, model) if is_waiting else None
    late = driver.start(work(1.0, seconds=0.01))
    with pytest.raises(Unavailable) as caught:
        await late.result
    assert caught.value.reason == Reason.DEADLINE_EXCEEDED
    assert (late.started is None) is is_waiting
    model.gate.release(RUNS)
    if first is not None:
        assert answers(await first.result) == [0.0]
    driver.close()


async def test_rows_are_not_merged_when_the_model_forbids_it() -> None:
    """Every request has its own run."""
    model = Gated()
    driver = driver_of(model, is_mergeable=False)
    await busy(driver, model)
    entries = [driver.start(work(value)) for value in (1.0, 2.0)]
    model.gate.release(RUNS)
    assert [answers(await entry.result) for entry in entries] == [[2.0], [4.0]]
    assert model.batches == [1, 1, 1]
    driver.close()


async def test_as_many_runs_as_threads() -> None:
    """Two runners work on two requests at once."""
    model = Gated()
    driver = driver_of(model, threads=2)
    entries = [driver.start(work(1.0)), driver.start(work(2.0)), driver.start(work(3.0))]
    assert driver.queued == 1
    model.gate.release(RUNS)
    assert [answers(await entry.result) for entry in entries] == [[2.0], [4.0], [6.0]]
    driver.close()


async def test_a_run_that_hangs_is_seen() -> None:
    """The age of the oldest run grows; without a run it is nothing."""
    model = Gated()
    driver = driver_of(model)
    now = time.monotonic()
    assert driver.oldest_run_seconds(now) == 0.0
    entry = await busy(driver, model)
    assert driver.oldest_run_seconds(time.monotonic() + 100) > 99
    model.gate.release(RUNS)
    await entry.result
    driver.close()


async def test_the_wait_grows_with_the_rows_before() -> None:
    """What waits and what runs both count."""
    model = Gated()
    cost = Cost()
    for rows in (1, 10, 100):
        cost.observe(rows, rows * 1.0)
    driver = Driver(model, cost=cost, threads=1, max_batch_rows=64, is_mergeable=True)
    assert driver.wait_seconds() == pytest.approx(1.0)
    entry = await busy(driver, model)
    driver.start(work(1.0, 2.0))
    assert driver.wait_seconds() == pytest.approx(4.0)
    model.gate.release(RUNS)
    await entry.result
    driver.close()


async def test_closing_drops_what_did_not_start() -> None:
    """The process leaves; a run that goes on keeps its thread."""
    model = Gated()
    driver = driver_of(model)
    entry = await busy(driver, model)
    driver._launch((driver.start(work(1.0)),))  # noqa: SLF001  # more runs than threads, as after a split
    driver.close()
    model.gate.release(RUNS)
    assert answers(await entry.result) == [0.0]


@pytest.mark.parametrize(
    ("seconds", "is_inline"), [(100e-6, True), (250e-6, True), (400e-6, False)]
)
def test_cheap_runs_stay_on_the_loop(seconds: float, *, is_inline: bool) -> None:
    """A thread costs two wake-ups."""
    cost = Cost()
    cost.observe(1, seconds)
    driver = Driver(
        Gated(is_threaded=False), cost=cost, threads=1, max_batch_rows=64, is_mergeable=True
    )
    assert driver.is_inline(1) is is_inline
    driver.close()


def test_between_the_limits_the_last_choice_stays() -> None:
    """No flapping around one number."""
    cost = Cost()
    driver = Driver(
        Gated(is_threaded=False), cost=cost, threads=1, max_batch_rows=64, is_mergeable=True
    )
    cost.observe(1, 400e-6)
    assert not driver.is_inline(1)
    for _ in range(1000):
        cost.observe(1, 250e-6)
    assert not driver.is_inline(1)
    for _ in range(1000):
        cost.observe(1, 100e-6)
    assert driver.is_inline(1)
    driver.close()


def test_a_model_that_holds_the_lock_is_never_inline() -> None:
    """However cheap it looks."""
    driver = driver_of(Gated())
    assert not driver.is_inline(1)
    driver.close()


def test_a_run_on_the_loop_answers_at_once() -> None:
    """Without a queue; what the model raises leaves."""
    model = Gated(is_threaded=False)
    model.gate.release(RUNS)
    driver = driver_of(model)
    ran = driver.run_now(work(1.0))
    assert (answers(ran), ran.queued_seconds) == ([2.0], 0.0)
    with pytest.raises(ArithmeticError):
        driver.run_now(work(BAD))
    driver.close()
