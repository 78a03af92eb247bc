"""The admin port: /livez, /readyz and /metrics; a flood on the data port cannot fail them."""

import time
from collections.abc import Callable

from fastapi import FastAPI
from starlette.responses import Response

from perennial_serving.monitor import export
from perennial_serving.monitor.export import Exporter
from perennial_serving.web.service import Service

Clock = Callable[[], float]

_READ = ["GET", "HEAD"]
# No request may take longer than the time-out; twice that is a runner that will never end.
_STUCK_FACTOR = 2


class Routes:
    """The handlers of the admin port."""

    def __init__(
        self, service: Service, exporter: Exporter, *, timeout_seconds: float, clock: Clock
    ) -> None:
        """Take what the probes judge."""
        self._clock = clock
        self._service = service
        self._exporter = exporter
        self._limit_seconds = _STUCK_FACTOR * timeout_seconds

    async def live(self) -> Response:
        """Say 503 when a run of the model never ends: only a restart helps."""
        if self._service.is_stuck(self._clock(), limit_seconds=self._limit_seconds):
            return Response("a run of the model never ends\n", status_code=503)
        return Response("ok\n")

    async def ready(self) -> Response:
        """Say 503 with the reason while no new request should come."""
        if reason := self._service.unready:
            return Response(f"{reason}\n", status_code=503)
        return Response("ok\n")

    async def metrics(self) -> Response:
        """Print all metrics."""
        return Response(self._exporter.text(), headers={"content-type": export.CONTENT_TYPE})


def build(service: Service, *, timeout_seconds: float, clock: Clock = time.monotonic) -> FastAPI:
    """Return the application; it has no other route than these."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    exporter = Exporter(
        service.model, service.revision, recorder=service.recorder, snapshot=service.snapshot
    )
    routes = Routes(service, exporter, timeout_seconds=timeout_seconds, clock=clock)
    app.add_api_route("/livez", routes.live, methods=_READ)
    app.add_api_route("/readyz", routes.ready, methods=_READ)
    app.add_api_route("/metrics", routes.metrics, methods=_READ)
    return app
