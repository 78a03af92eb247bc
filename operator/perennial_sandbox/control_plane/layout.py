"""Where a sandbox keeps its files. Knows names only; reads and writes nothing."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths in one sandbox's folder."""

    directory: Path

    @property
    def record(self) -> Path:
        """The sandbox's own description; a folder without it is not a sandbox.

        Whatever is beside it will be removed one day, so no other program may use this name.
        """
        return self.directory / "perennial-sandbox.json"

    @property
    def stop_mark(self) -> Path:
        """Exists while the sandbox is being removed: nothing may be started any more."""
        return self.directory / "perennial-sandbox.stopping"

    @property
    def kubeconfig(self) -> Path:
        """The contexts for people."""
        return self.directory / "kubeconfig"

    @property
    def tokens(self) -> Path:
        """The API server's static tokens."""
        return self.directory / "tokens.csv"

    @property
    def node_settings(self) -> Path:
        """What the process node is told."""
        return self.directory / "node.json"

    @property
    def services(self) -> Path:
        """The local ports of Services, written by the process node."""
        return self.directory / "services.json"

    @property
    def node(self) -> Path:
        """The process node's own files."""
        return self.directory / "node"

    @property
    def etcd(self) -> Path:
        """The store's data."""
        return self.directory / "etcd"

    @property
    def logs(self) -> Path:
        """One log a part."""
        return self.directory / "logs"

    @property
    def running(self) -> Path:
        """One lock file a part."""
        return self.directory / "running"

    @property
    def keys(self) -> Path:
        """Certificates, keys and the kubeconfigs of the parts."""
        return self.directory / "keys"

    def log(self, part: str) -> Path:
        """Return the log file of a part."""
        return self.logs / f"{part}.log"

    def lock(self, part: str) -> Path:
        """Return the lock file of a part."""
        return self.running / f"{part}.pid"

    def certificate(self, name: str) -> Path:
        """Return the file of a certificate."""
        return self.keys / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Return the file of a private key."""
        return self.keys / f"{name}.key"

    def access(self, part: str) -> Path:
        """Return the kubeconfig by which a part reaches the API server."""
        return self.keys / f"{part}.kubeconfig"
