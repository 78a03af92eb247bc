"""Puts the node together: what it watches, what it keeps alive, and how it ends."""

import asyncio
import logging
import signal
from urllib.parse import urlsplit

from perennial_sandbox.node.cluster import kubeconfig, registration
from perennial_sandbox.node.cluster.api_client import ApiClient
from perennial_sandbox.node.cluster.events import Events
from perennial_sandbox.node.cluster.follow import follow
from perennial_sandbox.node.kubelet_api import certificate
from perennial_sandbox.node.kubelet_api.server import KubeletServer
from perennial_sandbox.node.network.addresses import Addresses
from perennial_sandbox.node.network.services import Services
from perennial_sandbox.node.pods.facts import CONFIG_MAP, SECRET, Source
from perennial_sandbox.node.pods.objects import Json, name_of, namespace_of
from perennial_sandbox.node.processes.shim import Shims
from perennial_sandbox.node.settings import NodeSettings
from perennial_sandbox.node.worker import memory_guard
from perennial_sandbox.node.worker.registry import PodRegistry, pod_folders, pods_folder
from perennial_sandbox.node.worker.tools import HOST_ADDRESS, Tools

_log = logging.getLogger(__name__)


class SourceChanges:
    """Passes changes of ConfigMaps or Secrets on to the Pods that read them."""

    def __init__(self, kind: str, registry: PodRegistry) -> None:
        """Watch for one kind."""
        self._kind = kind
        self._registry = registry

    def replace_all(self, things: list[Json]) -> None:
        """Take a list: each of its objects may have changed."""
        for thing in things:
            self.changed(thing)

    def changed(self, thing: Json) -> None:
        """Take one changed object."""
        self._registry.source_changed(namespace_of(thing), Source(self._kind, name_of(thing)))

    def deleted(self, thing: Json) -> None:
        """Take one object that is gone: an optional volume becomes empty."""
        self.changed(thing)


async def run(settings: NodeSettings) -> None:
    """Run the node until it is told to stop; the Pods' processes go on."""
    access = kubeconfig.read(settings.kubeconfig)
    pods_folder(settings.directory).mkdir(parents=True, exist_ok=True, mode=0o700)
    async with ApiClient(access) as client:
        tools = _tools(settings, access, client)
        registry = PodRegistry(tools)
        work = asyncio.create_task(_work(tools, registry))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            _log.info("told to stop; the Pods' processes go on")
        finally:
            await registry.close()


def _tools(settings: NodeSettings, access: kubeconfig.Access, client: ApiClient) -> Tools:
    server = urlsplit(access.server)
    folders = pod_folders(pods_folder(settings.directory))
    return Tools(
        settings=settings,
        client=client,
        shims=Shims(),
        addresses=Addresses(settings.address_prefix, folders),
        events=Events(client, settings.node_name),
        capacity=registration.capacity(),
        api_host=server.hostname or HOST_ADDRESS,
        api_port=server.port or 443,
    )


async def _work(tools: Tools, registry: PodRegistry) -> None:
    settings, client = tools.settings, tools.client
    services = Services(settings.services_file, registry.pods)
    own = {"fieldSelector": f"spec.nodeName={settings.node_name}"}
    port = settings.kubelet_port if settings.kubelet_client_ca else None
    about = registration.Self(settings.node_name, HOST_ADDRESS, port, tools.capacity)
    config_maps = SourceChanges(CONFIG_MAP, registry)
    secrets = SourceChanges(SECRET, registry)
    async with asyncio.TaskGroup() as group:
        group.create_task(registration.keep_registered(client, about))
        group.create_task(follow(client, "/api/v1/pods", registry, query=own))
        group.create_task(follow(client, "/api/v1/services", services))
        group.create_task(follow(client, "/api/v1/configmaps", config_maps, names_only=True))
        group.create_task(follow(client, "/api/v1/secrets", secrets, names_only=True))
        group.create_task(services.serve_forever())
        group.create_task(_serve_logs(settings, registry))
        group.create_task(tools.events.send_forever())
        group.create_task(memory_guard.guard_forever(registry.drivers))


async def _serve_logs(settings: NodeSettings, registry: PodRegistry) -> None:
    """Serve logs to the API server; without a way to recognize it, to nobody."""
    if settings.kubelet_client_ca is None:
        return
    file = settings.directory / "kubelet.pem"
    context = certificate.server_context(
        file, settings.node_name, client_ca=settings.kubelet_client_ca
    )
    server = KubeletServer(registry)
    await server.listen(HOST_ADDRESS, settings.kubelet_port, context=context)
    await server.serve_forever()
