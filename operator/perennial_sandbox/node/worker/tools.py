"""What the workers of all Pods share."""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_sandbox.node.cluster.api_client import ApiClient
from perennial_sandbox.node.cluster.events import Events
from perennial_sandbox.node.network.addresses import Addresses
from perennial_sandbox.node.processes.shim import Shims
from perennial_sandbox.node.settings import NodeSettings

HOST_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Tools:
    """The node's parts that a Pod's worker uses."""

    settings: NodeSettings
    client: ApiClient
    shims: Shims
    addresses: Addresses
    events: Events
    capacity: Mapping[str, str]
    api_host: str
    api_port: int
