"""The user's folder of Kubernetes programs: complete, or not there at all."""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from perennial_sandbox import locks
from perennial_sandbox.binaries import versions

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """Return this machine's architecture by the name that Go and Kubernetes use."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def folder(environment: Mapping[str, str]) -> Path:
    """Return where the programs of these versions belong."""
    root = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"kubernetes-{versions.KUBERNETES}-etcd-{versions.ETCD}-{architecture()}"
    return root / "perennial" / name


def is_complete(place: Path) -> bool:
    """Whether the folder holds every program that the sandbox needs."""
    return all(os.access(place / program, os.X_OK) for program in versions.REQUIRED)


def fill(place: Path, make: Callable[[Path], None], *, report: Callable[[str], None]) -> None:
    """Let `make` fill a fresh folder, and move it into place in one step; one maker at a time."""
    if locks.is_held(place.parent):
        report("another process is getting the Kubernetes programs: waiting for it")
    with locks.folder_held(place.parent):
        if is_complete(place):  # somebody else made it while this process waited
            return
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
        try:
            make(fresh)
            with suppress(FileNotFoundError):
                shutil.rmtree(place)  # incomplete: somebody removed a program from it
            fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
