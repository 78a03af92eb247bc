"""The process: settings, client, key, machine, web thread, and kopf as the host of it all.

Exit codes: 0 asked to stop, 70 bug in the machine, 78 CRDs missing or settings wrong.
"""

import asyncio
import logging
import os
import platform
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import kopf
from prometheus_client import Info

from perennial_operator import settings as environment_settings
from perennial_operator.apply import own_key
from perennial_operator.cluster import credentials, kinds
from perennial_operator.cluster.answers import Gone
from perennial_operator.cluster.credentials import Credentials
from perennial_operator.cluster.kubernetes_client import KubernetesCluster, Limits
from perennial_operator.cluster.port import Cluster, Selection
from perennial_operator.errors import Unavailable
from perennial_operator.handlers import login, logs, objects, probes, startup
from perennial_operator.handlers.web import WebServer
from perennial_operator.loop.machine import Machine, Setup
from perennial_operator.loop.passes import Decide
from perennial_operator.settings import Settings, SettingsError

BUILD = Info("perennial_operator_build", "Versions of this process.")
BUILD.info(
    {
        "version": metadata.version("perennial"),
        "kopf": metadata.version("kopf"),
        "python": platform.python_version(),
    }
)

EXIT_STOPPED = 0
EXIT_BUG = 70
EXIT_CONFIGURATION = 78
PATIENCE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Host:
    """Runs one machine under kopf; `decide` is the planners' entry."""

    def __init__(self, settings: Settings, *, decide: Decide) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._decide = decide
        self._credentials = find_credentials(settings)
        self._cluster = KubernetesCluster(
            self._credentials,
            limits=Limits(
                call_seconds=settings.api_timeout_seconds,
                writes_per_second=settings.api_writes_per_second,
                write_burst=settings.api_write_burst,
            ),
        )

    def run(self) -> int:
        """Run until asked to stop; return the exit code."""
        if missing := missing_kind(self._cluster):
            logger.critical(
                "the API server does not know our kinds: install the chart perennial-crds",
                extra={"resource": missing},
            )
            return EXIT_CONFIGURATION
        try:
            key = own_key.load(
                self._cluster,
                Path(self._settings.key_file),
                namespace=self._settings.pod_namespace,
            )
            return asyncio.run(self._run(key))
        except Unavailable as error:
            logger.critical("there is no key", extra={"detail": str(error)})
            return EXIT_CONFIGURATION
        finally:
            self._cluster.close()

    async def _run(self, key: bytes) -> int:
        machine = Machine(self._cluster, self._setup(key))
        web = WebServer(
            self._settings.host,
            self._settings.metrics_port,
            is_ready=lambda: machine.is_synced,
        )
        web.start()
        try:
            await machine.start()
            return await self._hosted(machine)
        finally:
            await machine.stop()
            await asyncio.to_thread(web.close)

    def _setup(self, key: bytes) -> Setup:
        settings = self._settings
        return Setup(
            options=settings.options,
            decide=self._decide,
            token_of=lambda uid: own_key.router_token(key, uid),
            operator_namespace=settings.pod_namespace,
            instance=settings.pod_name,
            namespaces=settings.watch_namespaces or ("",),
            workers=settings.workers,
            resync_seconds=settings.resync_seconds,
            pass_seconds=settings.pass_timeout_seconds,
        )

    async def _hosted(self, machine: Machine) -> int:
        """Let kopf run until it is asked to stop or a part of the machine fails."""
        stop = asyncio.Event()
        host = asyncio.create_task(self._operator(machine, stop))
        ends: set[asyncio.Future[Any]] = {host, machine.failure}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if machine.failure.done():
            logger.critical("a part of the machine ended", extra={"part": machine.trouble})
            stop.set()
            await asyncio.wait({host})
            return EXIT_BUG
        if error := host.exception():
            logger.critical("the host ended", exc_info=error)
            return EXIT_BUG
        return EXIT_STOPPED

    async def _operator(self, machine: Machine, stop: asyncio.Event) -> None:
        settings = self._settings
        await kopf.operator(
            registry=registry(machine, self._credentials),
            settings=startup.settings(),
            standalone=True,
            clusterwide=not settings.watch_namespaces,
            namespaces=settings.watch_namespaces,
            stop_flag=stop,
            liveness_endpoint=f"http://{settings.host or '0.0.0.0'}:{settings.health_port}/healthz",  # noqa: S104  # in a container: every address
        )


def registry(machine: Machine, shown: Credentials) -> kopf.OperatorRegistry:
    """Return everything that kopf is told to do."""
    made = kopf.OperatorRegistry()
    login.register(made, shown)
    objects.register(made, machine.agenda)
    probes.register(made, machine)

    async def stop(**_: Any) -> None:  # noqa: ANN401  # kopf's signature
        await machine.stop()

    kopf.on.cleanup(registry=made)(stop)
    return made


def find_credentials(settings: Settings) -> Credentials:
    """Return the credentials of the Pod, or of a developer's kubeconfig."""
    if settings.kubernetes_host:
        return credentials.in_cluster(
            Path(settings.service_account_dir),
            host=settings.kubernetes_host,
            port=settings.kubernetes_port,
        )
    if settings.kubeconfig:
        return credentials.from_kubeconfig(settings.kubeconfig)
    message = "set KUBECONFIG, or run in a Pod with a service account"
    raise SettingsError(message)


def missing_kind(cluster: Cluster) -> str:
    """Return a kind of ours that the server does not know, "" if none; wait for the server."""
    for kind in kinds.OURS:
        while True:
            try:
                cluster.list(kind, Selection(), limit=1)
                break
            except Gone:
                return kind.plural
            except Unavailable as error:
                logger.warning("the API server is not there yet", extra={"detail": str(error)})
                time.sleep(PATIENCE_SECONDS)
    return ""


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run the operator with the settings of the environment."""
    from perennial_operator.loop import dispatch  # noqa: PLC0415  # planners load with the role

    logs.configure("info")
    try:
        settings = environment_settings.read(environment)
        logs.configure(settings.log_level)
        return Host(settings, decide=dispatch.decide).run()
    except SettingsError as error:
        logger.critical("the settings are wrong", extra={"detail": str(error)})
        return EXIT_CONFIGURATION
