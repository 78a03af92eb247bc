"""The data port's ASGI application: inference on a raw route, all else on FastAPI.

No FastAPI, Starlette or pydantic object is on the way of an inference request.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perennial_serving.batch.driver import Driver, Ran, Work
from perennial_serving.codec.decode import Request
from perennial_serving.codec.encode import empty_outputs
from perennial_serving.codec.tensors import Array
from perennial_serving.contract import metrics
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, PerennialError, Unavailable
from perennial_serving.web import heads, problems
from perennial_serving.web.exchange import (
    Asgi,
    ClientLeftError,
    Exchange,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    too_large,
)
from perennial_serving.web.service import Service, Serving

_LOGGER = logging.getLogger(__name__)
_OK = 200
_UNAVAILABLE = 503
_REFUSALS = {
    Reason.STARTING: "the process is starting; try again",
    Reason.MODEL_LOADING: "the model is loading; try again",
    Reason.DRAINING: "this replica is stopping; try again",
    Reason.OVERLOADED: "too many requests at once; try again later",
    Reason.DEADLINE_UNREACHABLE: "an answer would come after the deadline; try again later",
}
_REJECTED = {
    Reason.STARTING: "not_ready",
    Reason.MODEL_LOADING: "not_ready",
    Reason.DRAINING: "draining",
    Reason.OVERLOADED: "overloaded",
    Reason.DEADLINE_UNREACHABLE: "deadline",
}


@dataclass(frozen=True, slots=True)
class Caps:
    """What one request may cost."""

    body_bytes: int
    timeout_seconds: float


class Front:
    """The ASGI application of the data port."""

    def __init__(self, service: Service, rest: Asgi, caps: Caps) -> None:
        """Know the paths of inference; everything else goes to `rest`."""
        model = f"/v2/models/{service.model}"
        self._hot = frozenset({f"{model}/infer", f"{model}/versions/{service.revision}/infer"})
        self._service = service
        self._rest = rest
        self._caps = caps
        self._revision = (b"x-perennial-revision", service.revision.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        exchange = Exchange(scope, receive, send)
        try:
            heads.check_framing(exchange.heads, scope["http_version"])
            if scope["path"] in self._hot:
                await self._infer(exchange)
            else:
                await self._rest(scope, receive, self._marked(exchange))
        except PerennialError as error:
            await self._refuse(exchange, error)
        except ClientLeftError:
            self._service.recorder.canceled[exchange.heads.lane] += 1
        except Exception as error:  # noqa: BLE001  # the outermost handler: a bug ends one request
            await self._fail(exchange, error)

    def _marked(self, exchange: Exchange) -> Send:
        """Return a `send` that adds our headers to the answers of the other routes."""

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._own_headers(exchange)]
            await exchange.send(message)

        return send

    async def _infer(self, exchange: Exchange) -> None:
        if exchange.scope["method"] != "POST":
            message = "use POST"
            raise Invalid(Reason.METHOD_NOT_ALLOWED, message)
        exchange.expect_body()
        heads.check_media(exchange.heads)
        deadline = exchange.arrived + self._timeout(exchange)
        self._enter(exchange, deadline)
        try:
            await self._admitted(exchange, deadline)
        finally:
            self._service.admission.leave()

    def _timeout(self, exchange: Exchange) -> float:
        asked = exchange.heads.timeout_seconds
        limit = self._caps.timeout_seconds
        return limit if asked is None else min(asked, limit)

    def _enter(self, exchange: Exchange, deadline: float) -> None:
        """Refuse before the body is read: too large, not ready, overloaded, hopeless."""
        if (exchange.heads.length or 0) > self._caps.body_bytes:
            raise too_large(self._caps.body_bytes)
        serving = self._service.serving
        refusal = self._service.admission.enter(
            wait_seconds=serving.driver.wait_seconds() if serving else 0.0,
            left_seconds=deadline - exchange.arrived,
        )
        if refusal is None:
            return
        self._service.recorder.rejected[exchange.heads.lane, _REJECTED[refusal.reason]] += 1
        raise Unavailable(
            refusal.reason,
            _REFUSALS[refusal.reason],
            retry_after_seconds=refusal.retry_after_seconds,
        )

    async def _admitted(self, exchange: Exchange, deadline: float) -> None:
        serving = self._service.serving
        assert serving is not None  # noqa: S101  # admission is closed until there is a model
        text = await exchange.body(limit_bytes=self._caps.body_bytes, deadline=deadline)
        started = time.monotonic()
        request = serving.decoder.decode(text)
        exchange.name(request.request_id)
        self._stage(exchange, metrics.STAGE_DECODE, time.monotonic() - started)
        if request.timeout_seconds is not None:
            deadline = min(deadline, exchange.arrived + request.timeout_seconds)
        outputs = await self._outputs(exchange, serving, request, deadline=deadline)
        await self._reply(exchange, serving, request, outputs=outputs)

    async def _outputs(
        self, exchange: Exchange, serving: Serving, request: Request, *, deadline: float
    ) -> Sequence[Array]:
        """Run the model, on the loop or in a runner; a client that leaves is noticed."""
        if request.rows == 0:
            return empty_outputs(serving.signature, request.outputs)
        work = Work(request.inputs, request.outputs, request.rows, deadline)
        if serving.driver.is_inline(request.rows):
            ran = serving.driver.run_now(work)
        else:
            ran = await self._queued(exchange, serving.driver, work)
        self._stage(exchange, metrics.STAGE_QUEUE, ran.queued_seconds)
        self._stage(exchange, metrics.STAGE_RUN, ran.run_seconds)
        if time.monotonic() > deadline:
            raise self._late(exchange, metrics.WHERE_RUN)
        return ran.outputs

    async def _queued(self, exchange: Exchange, driver: Driver, work: Work) -> Ran:
        entry = driver.start(work)
        hang_up = asyncio.ensure_future(exchange.receive())
        try:
            waiting: set[asyncio.Future[Any]] = {entry.result, hang_up}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not entry.result.done():
                raise ClientLeftError
            return entry.result.result()
        except Unavailable:
            where = metrics.WHERE_QUEUE if entry.started is None else metrics.WHERE_RUN
            raise self._late(exchange, where) from None
        finally:
            driver.discard(entry)
            hang_up.cancel()

    def _late(self, exchange: Exchange, where: str) -> Unavailable:
        self._service.recorder.deadline_exceeded[exchange.heads.lane, where] += 1
        return Unavailable(Reason.DEADLINE_EXCEEDED, "the deadline passed before the answer")

    async def _reply(
        self, exchange: Exchange, serving: Serving, request: Request, *, outputs: Sequence[Array]
    ) -> None:
        started = time.monotonic()
        encoded = serving.encoder.encode(exchange.request_id, request.outputs, outputs)
        self._stage(exchange, metrics.STAGE_ENCODE, time.monotonic() - started)
        if encoded.nonfinite:
            self._service.recorder.nonfinite[exchange.heads.lane] += encoded.nonfinite
        await exchange.answer(_OK, encoded.body, extra=self._own_headers(exchange))
        self._count(exchange)

    async def _refuse(self, exchange: Exchange, error: PerennialError) -> None:
        """Answer with one of our errors."""
        status = problems.status_of(error)
        extra = self._own_headers(exchange)
        if isinstance(error, Invalid):
            self._service.recorder.invalid[exchange.heads.lane, error.reason] += 1
        elif status == _UNAVAILABLE and isinstance(error, Unavailable):
            extra.append((b"retry-after", b"%d" % error.retry_after_seconds))
        if error.reason == Reason.DRAINING:
            extra.append((b"x-perennial-draining", b"1"))
        if error.reason == Reason.METHOD_NOT_ALLOWED:
            extra.append((b"allow", b"POST"))
        if error.reason in {Reason.FRAMING_INVALID, Reason.VERSION_UNSUPPORTED, Reason.TIMEOUT}:
            exchange.is_last = True
        await exchange.answer(status, problems.body(error.reason, error.message), extra=extra)
        self._count(exchange)

    async def _fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer 500 with an id that the log line shares; nothing else leaves."""
        exchange.name("")
        _LOGGER.error("internal error", exc_info=error, extra={"request_id": exchange.request_id})
        self._service.recorder.bugs[exchange.heads.lane] += 1
        if exchange.status:
            return
        message = f"an internal error; the log has it under request {exchange.request_id}"
        text = problems.body(Reason.INTERNAL, message)
        await exchange.answer(500, text, extra=self._own_headers(exchange))
        self._count(exchange)

    def _own_headers(self, exchange: Exchange) -> Headers:
        exchange.name("")
        exchange.is_last = exchange.is_last or self._service.is_leaving
        return [(b"x-request-id", exchange.request_id.encode()), self._revision]

    def _stage(self, exchange: Exchange, name: str, seconds: float) -> None:
        self._service.recorder.stages[exchange.heads.lane, name].add(seconds)

    def _count(self, exchange: Exchange) -> None:
        """Count an answered inference request; other routes are not counted."""
        if exchange.scope["path"] in self._hot:
            self._service.recorder.answered(
                exchange.heads.lane,
                metrics.PROTOCOL_JSON,
                code=exchange.status,
                seconds=time.monotonic() - exchange.arrived,
            )
