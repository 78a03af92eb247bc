"""The sandbox: a real Kubernetes control plane on this host, and a node that runs Pods.

    running = sandbox.up(directory, images={"perennial.dev/serving": [python, "-m", "..."]})
    running.server, running.tokens["scientist"], running.kubeconfig, running.ca_file
    sandbox.apply(running, manifests)                 # server-side apply, CRDs first
    sandbox.service_url(directory, "models", "digits-predict", port="http")
    sandbox.status(directory).is_ready
    sandbox.down(directory)                           # leaves no process and no file

`up` on a running sandbox changes what differs and starts what is dead.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from perennial_sandbox import locks, network
from perennial_sandbox.binaries import locate, versions
from perennial_sandbox.control_plane import parts, prepare, readiness, record, users
from perennial_sandbox.control_plane.api import Api
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part
from perennial_sandbox.control_plane.record import Record
from perennial_sandbox.errors import MissingPrerequisiteError, NotReadyError, RefusedError
from perennial_sandbox.supervisor import launch, stopping

Report = Callable[[str], None]
Manifest = Mapping[str, object]
_READY_SECONDS = 120.0
_APPLY_SECONDS = 30.0
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """How to reach a running sandbox."""

    directory: Path
    server: str
    kubeconfig: Path
    ca_file: Path
    kubectl: Path | None
    tokens: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One process of the sandbox; without a pid it is dead."""

    name: str
    pid: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """What can be seen of a sandbox."""

    directory: Path
    server: str
    parts: tuple[PartStatus, ...]
    answers: bool

    @property
    def is_ready(self) -> bool:
        """Whether the API answers and every part is alive."""
        return self.answers and all(part.pid is not None for part in self.parts)


def default_directory(environment: Mapping[str, str], name: str = "sandbox") -> Path:
    """Return the folder of the sandbox of that name."""
    root = Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return root / "perennial" / name


def quiet(_line: str) -> None:
    """Report nothing."""


def up(
    directory: Path,
    *,
    images: Mapping[str, Sequence[str]],
    manifests: Sequence[Manifest] = (),
    with_node: bool = True,
    report: Report = quiet,
) -> Running:
    """Start the sandbox in the folder, wait until it can be used, and apply the manifests."""
    if sys.platform != "linux":
        message = "The sandbox needs Linux: run it in a Linux virtual machine or container."
        raise MissingPrerequisiteError(message)
    programs = locate.find(os.environ, report=report)
    layout = Layout(directory.absolute())
    if layout.stop_mark.exists():
        down(directory)  # somebody began and did not finish
    _refuse_foreign(layout)
    with locks.folder_held(layout.directory):
        description = _prepared(layout, programs, with_node=with_node)
        if prepare.write_node_settings(layout, description, images):
            locks.end(layout.lock(parts.NODE), grace_seconds=_GRACE_SECONDS)
        _start_supervisor(layout, description)
    running = _running(layout, description)
    report(f"waiting for the API server, {running.server}")
    _await_ready(layout, running, with_node=with_node)
    report(f"applying {len(manifests)} objects")
    apply(running, manifests)
    return running


def apply(running: Running, manifests: Iterable[Manifest]) -> None:
    """Apply the objects as the administrator: namespaces and CRDs first, the rest in order."""
    with _api(running) as api:
        readiness.apply_all(api, manifests, seconds=_APPLY_SECONDS)


def down(directory: Path) -> bool:
    """Stop everything and remove the folder; False if there was no sandbox in it."""
    layout = Layout(directory.absolute())
    if not layout.record.exists() and not layout.stop_mark.exists():
        return False
    with locks.folder_held(layout.directory):
        stopping.stop_all(layout)
        with network.claims() as claims:
            claims.release(layout.directory)
        _remove(layout)
    return True


def status(directory: Path) -> Status | None:
    """Look at the sandbox in the folder; None if there is none."""
    layout = Layout(directory.absolute())
    description = _complete(layout)
    if description is None:
        return None
    names = [parts.SUPERVISOR, *(part.name for part in parts.all_parts(layout, description))]
    with _api(_running(layout, description)) as api:
        return Status(
            directory=layout.directory,
            server=description.server,
            parts=tuple(PartStatus(name, locks.holder(layout.lock(name))) for name in names),
            answers=api.answers(),
        )


def connect(directory: Path) -> Running:
    """Return how to reach the sandbox that runs in the folder."""
    layout = Layout(directory.absolute())
    description = _complete(layout)
    if description is None:
        message = f"there is no sandbox in {directory}; start it with: perennial sandbox up"
        raise RefusedError(message)
    return _running(layout, description)


def service_url(directory: Path, namespace: str, name: str, *, port: str | int) -> str:
    """Return the local URL of a Service's port, which is known by its name or its number."""
    layout = Layout(directory.absolute())
    try:
        ports = json.loads(layout.services.read_text())[f"{namespace}/{name}"]
        return f"http://127.0.0.1:{ports[str(port)]}"
    except (FileNotFoundError, KeyError) as error:
        message = f"Service {namespace}/{name} has no local port for {port} (yet)"
        raise NotReadyError(message) from error


def _complete(layout: Layout) -> Record | None:
    """Return the description of a sandbox whose files are all there, the last one included."""
    return record.read(layout) if layout.kubeconfig.exists() else None


def _refuse_foreign(layout: Layout) -> None:
    """Never fill, and later remove, a folder that holds something else."""
    folder = layout.directory
    if layout.record.exists() or not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        message = f"{folder} holds something else; name a new or an empty folder"
        raise RefusedError(message)


def _prepared(layout: Layout, programs: Path, *, with_node: bool) -> Record:
    """Return the description of the sandbox, whose files are all written."""
    description = record.read(layout)
    if description is not None and _lives(layout):
        description = replace(description, with_node=with_node or description.with_node)
        record.write(layout, description)
        return description
    description = prepare.describe(layout, programs=programs, with_node=with_node)
    now = datetime.now(UTC)  # noqa: TID251  # the one place where a sandbox begins
    prepare.write_files(layout, description, now=now)
    return description


def _lives(layout: Layout) -> bool:
    return any(locks.is_held(lock) for lock in layout.running.glob("*"))


def _start_supervisor(layout: Layout, description: Record) -> None:
    if locks.is_held(layout.lock(parts.SUPERVISOR)):
        return
    command = parts.supervisor_command(layout, description)
    launch.start_detached(Part(parts.SUPERVISOR, command), layout)
    _await_part(layout, parts.SUPERVISOR)


def _await_part(layout: Layout, name: str) -> None:
    lock = layout.lock(name)
    readiness.await_true(
        lambda: locks.is_held(lock), seconds=_READY_SECONDS, complaint=f"the {name} did not start"
    )


def _await_ready(layout: Layout, running: Running, *, with_node: bool) -> None:
    try:
        with _api(running) as api:
            readiness.await_server(api, seconds=_READY_SECONDS)
            if with_node:
                _await_part(layout, parts.NODE)
                readiness.await_node(api, seconds=_READY_SECONDS)
    except NotReadyError as error:
        message = f"{error}; the logs are in {layout.logs}"
        raise NotReadyError(message) from error


def _running(layout: Layout, description: Record) -> Running:
    kubectl = description.programs / versions.KUBECTL
    return Running(
        directory=layout.directory,
        server=description.server,
        kubeconfig=layout.kubeconfig,
        ca_file=layout.certificate("ca"),
        kubectl=kubectl if kubectl.exists() else None,
        tokens=users.read_tokens(layout.tokens.read_text()),
    )


def _api(running: Running) -> Api:
    authority = running.ca_file.read_text()
    return Api(running.server, authority=authority, token=running.tokens["admin"])


def _remove(layout: Layout) -> None:
    """Remove the folder, and last of all the mark, so that an interrupted removal goes on."""
    for entry in layout.directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry != layout.stop_mark:
            entry.unlink()
    layout.stop_mark.unlink()
    layout.directory.rmdir()
