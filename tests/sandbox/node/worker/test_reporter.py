"""Tests of writing a Pod's status."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.testing import FakeApi, pod
from perennial_sandbox.node.worker.reporter import Reporter

PATH = "/api/v1/namespaces/default/pods/p"


def wanted(phase: str) -> Json:
    """Return a status."""
    return {"phase": phase, "conditions": []}


@asynccontextmanager
async def reporting(api: FakeApi, thing: Json) -> AsyncIterator[Reporter]:
    """Report about a Pod."""
    async with api.client() as client:
        reporter = Reporter(client, thing)
        task = asyncio.create_task(reporter.report_forever())
        yield reporter
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(reporter: Reporter) -> None:
    """Wait until the wanted status is recorded."""
    await asyncio.wait_for(reporter.settled(), 5)


@pytest.fixture
async def api() -> FakeApi:
    """Return a server that knows the Pod."""
    made = FakeApi()
    made.put(PATH, pod())
    return made


async def test_a_change_is_written_once(api: FakeApi) -> None:
    """The same wish again is no write."""
    async with reporting(api, api.objects[PATH]) as reporter:
        before = api.writes
        for _ in range(3):
            reporter.want(wanted("Running"))
            await settled(reporter)
    assert (api.objects[PATH]["status"]["phase"], api.writes - before) == ("Running", 1)
    assert reporter.pod["status"]["phase"] == "Running"


async def test_what_is_recorded_already_is_not_written(api: FakeApi) -> None:
    """After a restart of the node nothing has changed."""
    async with reporting(api, api.objects[PATH]) as reporter:
        reporter.want(wanted("Pending"))
        await settled(reporter)
    assert api.writes == 1


async def test_only_the_newest_wish_counts(api: FakeApi) -> None:
    """What was overtaken need not be written."""
    async with reporting(api, api.objects[PATH]) as reporter:
        reporter.want(wanted("Running"))
        reporter.want(wanted("Failed"))
        await settled(reporter)
    assert (api.objects[PATH]["status"]["phase"], api.writes) == ("Failed", 2)


async def test_a_server_that_is_away_is_asked_again(api: FakeApi) -> None:
    """The status arrives when it is back."""
    async with reporting(api, api.objects[PATH]) as reporter:
        api.refuse_with = 503
        reporter.want(wanted("Running"))
        await api.until(lambda: api.requests)
        api.refuse_with = None
        await settled(reporter)
    assert api.objects[PATH]["status"]["phase"] == "Running"


async def test_a_pod_that_is_gone_needs_no_status() -> None:
    """Nobody waits for it."""
    api = FakeApi()
    async with reporting(api, pod()) as reporter:
        reporter.want(wanted("Running"))
        await settled(reporter)
    assert api.objects == {}


async def test_another_pod_of_the_same_name_keeps_its_status(api: FakeApi) -> None:
    """The uid tells them apart."""
    old = pod()
    old["metadata"]["uid"] = "older"
    async with reporting(api, old) as reporter:
        reporter.want(wanted("Failed"))
        await settled(reporter)
    assert api.objects[PATH]["status"]["phase"] == "Pending"


def test_an_older_form_of_the_pod_is_ignored() -> None:
    """A watch may be late."""
    new, old = pod(), pod()
    new["metadata"]["resourceVersion"] = "12"
    old["metadata"]["resourceVersion"] = "9"
    reporter = Reporter(FakeApi().client(), old)
    reporter.heard(new)
    reporter.heard(old)
    assert reporter.pod is new
