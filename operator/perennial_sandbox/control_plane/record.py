"""The description of one sandbox: what was chosen for it once and must stay while it runs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the parts on 127.0.0.1."""

    etcd: int
    etcd_peer: int
    api: int
    kubelet: int


@dataclass(frozen=True, slots=True)
class Record:
    """What the supervisor needs to know to start the parts."""

    programs: Path
    python: Path
    address_prefix: str
    ports: Ports
    with_node: bool

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://127.0.0.1:{self.ports.api}"


def read(layout: Layout) -> Record | None:
    """Return the sandbox's description; None if there is no sandbox in the folder."""
    try:
        found = json.loads(layout.record.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        message = f"{layout.record} is damaged; remove the folder {layout.directory}"
        raise RefusedError(message) from error
    return Record(
        programs=Path(found["programs"]),
        python=Path(found["python"]),
        address_prefix=found["address_prefix"],
        ports=Ports(**found["ports"]),
        with_node=found["with_node"],
    )


def write(layout: Layout, record: Record) -> None:
    """Write the description in one step: a reader sees the old one or the new one."""
    put(layout.record, json.dumps(asdict(record), default=str, indent=1))


def put(file: Path, text: str) -> bool:
    """Replace a private file's content in one step; say whether it changed."""
    if file.exists() and file.read_text() == text:
        return False
    fresh = file.with_name(file.name + ".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)
    return True
