"""A served model without sockets: the ASGI applications behind httpx."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest

from perennial_serving.batch.cost import Cost
from perennial_serving.batch.driver import Driver
from perennial_serving.codec.decode import Decoder, Limits
from perennial_serving.codec.encode import Encoder
from perennial_serving.runtime.model import Model
from perennial_serving.runtime.onnx import Onnx
from perennial_serving.testing import iris_onnx, iris_signature
from perennial_serving.web import admin, v2
from perennial_serving.web.front import Caps, Front
from perennial_serving.web.life import Event
from perennial_serving.web.service import Service, Serving

CAPS = Caps(body_bytes=100_000, timeout_seconds=5.0)
LIFE = (Event.LISTENING, Event.LOADED, Event.WARMED)


@dataclass
class Served:
    """The service and clients of its two ports."""

    service: Service
    data: httpx.AsyncClient
    admin: httpx.AsyncClient
    ahead_seconds: float = 0.0

    def now(self) -> float:
        """Return the probes' clock, which a test may put forward."""
        return time.monotonic() + self.ahead_seconds

    def load(self, model: Model) -> None:
        """Put a model into service."""
        for event in LIFE:
            self.service.happened(event)
        self.service.serving = Serving(
            signature=model.signature,
            decoder=Decoder(model.signature, Limits(json_bytes=100_000)),
            encoder=Encoder("iris", "iris-1", model.signature),
            driver=Driver(
                model,
                cost=Cost(),
                threads=1,
                max_batch_rows=64,
                is_mergeable=model.signature.has_rows,
            ),
            digest="sha256:00",
            format="onnx",
            platform=model.platform,
            load_seconds=0.5,
        )


def _client(app: Callable[..., object]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # a raw application
    return httpx.AsyncClient(transport=transport, base_url="http://iris")


@pytest.fixture
async def unloaded() -> AsyncIterator[Served]:
    """Give a service that has no model yet."""
    service = Service("iris", "iris-1", max_in_flight=4)
    front = Front(service, v2.build(service), CAPS)
    async with _client(front) as data:
        made = Served(service, data, data)
        control = admin.build(service, timeout_seconds=CAPS.timeout_seconds, clock=made.now)
        async with _client(control) as made.admin:
            yield made
    if service.serving is not None:
        service.serving.driver.close()
    await asyncio.sleep(0)


@pytest.fixture
def served(unloaded: Served) -> Served:
    """Give a service with the iris model."""
    unloaded.load(Onnx(iris_onnx(), iris_signature()))
    return unloaded
