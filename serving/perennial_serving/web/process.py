"""A serving process from its start to its end. Loading happens in a thread: probes are answered.

`run` is the only entry; every signal and every end of a step is one event of `life`.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import uvloop

from perennial_serving.batch import warmup
from perennial_serving.batch.driver import Driver
from perennial_serving.batch.warmup import Warm
from perennial_serving.codec.decode import Decoder, Limits
from perennial_serving.codec.encode import Encoder
from perennial_serving.codec.tensors import Tensors
from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.errors import Invalid, PerennialError
from perennial_serving.monitor import termination
from perennial_serving.runtime import load
from perennial_serving.runtime.load import Loaded, Options
from perennial_serving.settings import Settings, thread_count
from perennial_serving.web import admin, server, v2
from perennial_serving.web.front import Caps, Front
from perennial_serving.web.life import Event, State
from perennial_serving.web.service import Service, Serving

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)
_TICK_SECONDS = 1.0
_OK = Result(Outcome.OK, Reason.OK)


def run(settings: Settings) -> Result:
    """Serve until a signal ends it, or until the model proves unusable."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Process(settings).run())


class Process:
    """The steps of a process's life."""

    def __init__(self, settings: Settings) -> None:
        """Build the applications and their servers; nothing listens yet."""
        self._settings = settings
        timeout = settings.request_timeout_seconds
        self._service = Service(
            settings.model_name, settings.revision, max_in_flight=settings.max_in_flight
        )
        caps = Caps(min(settings.max_json_bytes, settings.max_body_bytes), timeout)
        front = Front(self._service, v2.build(self._service), caps)
        self._data = server.server_of(front, settings)
        self._admin = server.server_of(
            admin.build(self._service, timeout_seconds=timeout), settings
        )
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._signal = asyncio.Event()

    async def run(self) -> Result:
        """Listen, live, and stop both servers in order: probes are answered until the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signaled)
        data = server.listener(self._settings.host, self._settings.data_port)
        control = server.listener(self._settings.host, self._settings.admin_port)
        ports = {"data_port": data.getsockname()[1], "admin_port": control.getsockname()[1]}
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(self._tick())
            serving = group.create_task(self._data.serve(sockets=[data]))
            group.create_task(self._admin.serve(sockets=[control]))
            _LOGGER.info("listening", extra=ports)
            result = await self._live()
            self._data.should_exit = True
            await serving
            self._admin.should_exit = True
            ticking.cancel()
        return result

    def _signaled(self) -> None:
        """Drain at the first signal, stop at the second, leave at the third."""
        _LOGGER.info("signal", extra={"state": self._service.state})
        if self._service.state is State.STOPPING:
            self._data.force_exit = self._admin.force_exit = True
        self._service.happened(Event.SIGNAL)
        self._signal.set()

    async def _live(self) -> Result:
        self._service.happened(Event.LISTENING)
        loading = asyncio.ensure_future(self._prepare())
        signaled = asyncio.ensure_future(self._signal.wait())
        limit = self._settings.load_timeout_seconds
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait({loading, signaled}, timeout=limit, return_when=first)
        if not loading.done():
            loading.cancel()
            signaled.cancel()
            return _OK if self._signal.is_set() else self._failed(_load_timeout(limit))
        try:
            loading.result()
        except PerennialError as error:
            signaled.cancel()
            _LOGGER.error("%s", error, exc_info=error)  # noqa: TRY400  # with its cause
            return self._failed(termination.of_error(error))
        await signaled
        await self._drain()
        return _OK

    def _failed(self, result: Result) -> Result:
        self._service.happened(Event.FAILED)
        return result

    async def _drain(self) -> None:
        """Go on answering, each time with `Connection: close`, until clients went elsewhere."""
        self._signal.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_delay_seconds):
                await self._signal.wait()
        self._service.happened(Event.DRAINED)

    async def _prepare(self) -> None:
        """Load and warm the model, then open the doors."""
        started = time.monotonic()
        loaded = await self._in_thread(lambda: load.load(self._settings.model_dir, self._options()))
        self._service.happened(Event.LOADED)
        decoder = Decoder(loaded.model.signature, self._limits())
        samples = [_sample(decoder, body) for body in loaded.warmup]
        warm = await self._warmed(loaded, samples)
        seconds = time.monotonic() - started
        self._service.serving = self._serving(loaded, decoder, warm, seconds=seconds)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        self._service.happened(Event.WARMED)
        _LOGGER.info("ready", extra={"digest": loaded.digest, "seconds": round(seconds, 3)})

    async def _warmed(self, loaded: Loaded, samples: list[Tensors]) -> Warm:
        """Run the model for the first time; whatever it raises means that it is unusable."""
        running = asyncio.get_running_loop().run_in_executor(
            self._pool, warmup.warm, loaded.model, samples
        )
        await asyncio.wait({running})
        if error := running.exception():
            message = "the model fails on its first rows; the container's log says why"
            raise Invalid(Reason.WARMUP_FAILED, message) from error
        return running.result()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _serving(self, loaded: Loaded, decoder: Decoder, warm: Warm, *, seconds: float) -> Serving:
        model = loaded.model
        driver = Driver(
            model,
            cost=warm.cost,
            threads=thread_count(self._settings),
            max_batch_rows=self._settings.max_batch_rows,
            is_mergeable=warm.is_mergeable,
        )
        return Serving(
            signature=model.signature,
            decoder=decoder,
            encoder=Encoder(self._service.model, self._service.revision, model.signature),
            driver=driver,
            digest=loaded.digest,
            format=loaded.format,
            platform=model.platform,
            load_seconds=seconds,
        )

    def _options(self) -> Options:
        settings = self._settings
        return Options(
            digest=settings.model_digest,
            declared_format=settings.model_format,
            allow_unsafe_formats=settings.allow_unsafe_formats,
            size_limit_bytes=settings.max_model_bytes,
        )

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            json_bytes=min(settings.max_json_bytes, settings.max_body_bytes),
            json_elements=settings.max_json_elements,
            rows=settings.max_rows,
        )

    async def _tick(self) -> None:
        """Measure how late the loop wakes up, and send slow clients away."""
        while True:
            due = time.monotonic() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            self._service.recorder.lagged(now - due)
            self._data.sweep(now)
            self._admin.sweep(now)


def _sample(decoder: Decoder, body: bytes) -> Tensors:
    try:
        return decoder.decode(body).inputs
    except Invalid as error:
        raise Invalid(Reason.WARMUP_FAILED, "warmup.json does not fit the signature") from error


def _load_timeout(limit_seconds: float) -> Result:
    message = f"the model did not load within {limit_seconds:g} seconds"
    return Result(Outcome.BUG, Reason.INTERNAL, message)
