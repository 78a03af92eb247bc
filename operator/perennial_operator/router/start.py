"""Starts the agent: settings, watches, Envoy's first files, the admin port, the loop."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from perennial_operator.api import names
from perennial_operator.cluster import credentials, kinds
from perennial_operator.cluster.kubernetes_client import KubernetesCluster
from perennial_operator.cluster.port import Cluster, Document, Kind, Selection
from perennial_operator.cluster.watch import Changes, Follower, Followers
from perennial_operator.router import xds
from perennial_operator.router.agent import Agent, Documents
from perennial_operator.router.envoy import EnvoyAdmin
from perennial_operator.router.web import application

SOCKET_PATH_LIMIT_BYTES = 100
SHORT_DIRECTORY = "/tmp"  # noqa: S108  # Envoy makes the socket itself, for its user only
EXIT_BUG = 70
PODS = f"{names.MANAGED_SELECTOR},{names.LABEL_COMPONENT}={names.COMPONENT_PREDICTOR}"
INTENTS = f"{names.LABEL_ROUTING}=true"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What the agent reads from its environment, all set by the operator."""

    pod: str
    namespace: str
    host: str = ""
    http_port: int = 8080
    admin_port: int = 8081
    directory: str = "/perennial/xds"
    token_file: str = "/perennial/router/token"  # noqa: S105  # a path, not a password


def read_settings(environment: Mapping[str, str]) -> AgentSettings:
    """Return the settings; KeyError names what is missing."""
    defaults = AgentSettings("", "")
    prefix = "PERENNIAL_"
    return AgentSettings(
        pod=environment["POD_NAME"],
        namespace=environment["POD_NAMESPACE"],
        host=environment.get(f"{prefix}HOST", defaults.host),
        http_port=int(environment.get(f"{prefix}HTTP_PORT", defaults.http_port)),
        admin_port=int(environment.get(f"{prefix}ADMIN_PORT", defaults.admin_port)),
        directory=environment.get(f"{prefix}XDS_DIR", defaults.directory),
        token_file=environment.get(f"{prefix}ROUTER_TOKEN_FILE", defaults.token_file),
    )


def place(settings: AgentSettings) -> xds.Place:
    """Return where Envoy's files, socket and listener go."""
    socket = f"{settings.directory}/admin.sock"
    if len(socket.encode()) > SOCKET_PATH_LIMIT_BYTES:  # deep folders outside of containers
        digest = hashlib.blake2b(socket.encode(), digest_size=8).hexdigest()
        socket = f"{SHORT_DIRECTORY}/perennial-{digest}.sock"
    return xds.Place(
        directory=settings.directory,
        admin_socket=socket,
        node=settings.pod,
        address=settings.host or "0.0.0.0",  # noqa: S104  # in a container: every address
        port=settings.http_port,
    )


class Mirror:
    """Keeps all objects of one kind and hands the whole set to the agent in the loop's thread."""

    def __init__(self, give: Callable[[Documents], None]) -> None:
        """Start empty."""
        self._give = give
        self._known: dict[str, Document] = {}

    def fold(self, changes: Changes[Document]) -> None:
        """Take changes of a watch; called in the event loop."""
        if changes.is_whole:
            self._known.clear()
        self._known.update({_uid(each): each for each in changes.upserts})
        for each in changes.removals:
            self._known.pop(_uid(each), None)
        self._give(dict(self._known))


def _uid(document: Document) -> str:
    return str(document["metadata"]["uid"])


async def serve(settings: AgentSettings, cluster: Cluster) -> int:
    """Run the agent until SIGTERM; return the exit code."""
    where = place(settings)
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, stop, 0)
    async with EnvoyAdmin(where.admin_socket) as admin:
        agent = Agent(where, namespace=settings.namespace, admin=admin)
        agent.prepare()
        followers = _followers(cluster, agent, stop)
        followers.start()
        app = application(agent, pod=settings.pod, token_file=Path(settings.token_file))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, settings.host or None, settings.admin_port).start()
        task = asyncio.create_task(agent.run())
        task.add_done_callback(lambda _task: _end(stop, EXIT_BUG))
        code = await stop
        _forget(where.admin_socket)  # first: whoever stops us may not wait for the rest
        await asyncio.to_thread(followers.stop)
        await _canceled(task)
        await runner.cleanup()
    return code


def _followers(cluster: Cluster, agent: Agent, stop: "asyncio.Future[int]") -> Followers[Document]:
    loop = asyncio.get_running_loop()

    def ended(_name: str) -> None:
        loop.call_soon_threadsafe(_end, stop, EXIT_BUG)

    def follow(kind: Kind, labels: str, mirror: Mirror) -> Follower[Document]:
        return Follower(
            cluster,
            kind,
            selection=Selection(namespace=agent.world.namespace, labels=labels),
            project=lambda document: document,
            deliver=lambda changes: _call(loop, mirror.fold, changes),
        )

    return Followers(
        (
            follow(kinds.POD, PODS, Mirror(agent.saw_pods)),
            follow(kinds.CONFIG_MAP, INTENTS, Mirror(agent.saw_intents)),
        ),
        on_end=ended,
    )


def _call(
    loop: asyncio.AbstractEventLoop,
    fold: Callable[[Changes[Document]], None],
    changes: Changes[Document],
) -> None:
    loop.call_soon_threadsafe(fold, changes)


def _end(stop: "asyncio.Future[int]", code: int) -> None:
    if not stop.done():
        stop.set_result(code)


def _forget(socket: str) -> None:
    Path(socket).unlink(missing_ok=True)


async def _canceled(task: Awaitable[None]) -> None:
    if isinstance(task, asyncio.Task):
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def connect(environment: Mapping[str, str]) -> Cluster:
    """Return the API server of this Pod; its folder can be elsewhere outside of containers."""
    directory = environment.get(
        "PERENNIAL_SERVICE_ACCOUNT_DIR", "/var/run/secrets/kubernetes.io/serviceaccount"
    )
    return KubernetesCluster(
        credentials.in_cluster(
            Path(directory),
            host=environment["KUBERNETES_SERVICE_HOST"],
            port=environment["KUBERNETES_SERVICE_PORT"],
        )
    )


def main() -> int:
    """Run the agent with the settings of the environment."""
    settings = read_settings(os.environ)
    return asyncio.run(serve(settings, connect(os.environ)))
