"""Volumes as folders: made, filled atomically, and mapped to the paths of a container."""

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from perennial_sandbox.node.pods.files import WRITTEN_KINDS, Content, File
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.plan import Container

_DATA = "..data"


class VolumeError(Exception):
    """A volume cannot be provided; the message says why."""


def folder_of(pod_folder: Path, volume: Json) -> Path:
    """Return where a volume's files are."""
    if "hostPath" in volume:
        return Path(volume["hostPath"]["path"])
    return pod_folder / "volumes" / str(volume["name"])


def prepare(pod_folder: Path, volume: Json) -> None:
    """Make the folder of a volume; written kinds are filled later."""
    folder = folder_of(pod_folder, volume)
    if "hostPath" in volume:
        _check_host_path(folder, volume["hostPath"].get("type") or "")
    elif "emptyDir" in volume or any(kind in volume for kind in WRITTEN_KINDS):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    else:
        kind = next((key for key in volume if key != "name"), "this kind")
        message = f'volume "{volume["name"]}": {kind} is not supported by the process node'
        raise VolumeError(message)


def write(folder: Path, content: Content) -> bool:
    """Replace all files of a volume at once; False if they already are as wanted.

    Like the kubelet's: files live in a hidden folder, `..data` points at the current one and is
    replaced by a rename; the visible names are links through `..data`.
    """
    if _current(folder) == content.files:
        return False
    fresh = folder / f"..{uuid.uuid4().hex}"
    for path, file in content.files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    fresh.mkdir(exist_ok=True)
    _switch(folder, fresh)
    return True


def local_folders(container: Container, folders: Mapping[str, Path]) -> dict[str, str]:
    """Map the container's mount paths to local folders."""
    return {
        mount.path: str(
            folders[mount.volume] / mount.sub_path if mount.sub_path else folders[mount.volume]
        )
        for mount in container.mounts
    }


def make_sub_paths(container: Container, folders: Mapping[str, Path]) -> None:
    """Make the folders below a volume that a container mounts on their own."""
    for mount in container.mounts:
        target = folders[mount.volume] / mount.sub_path
        if ".." in Path(mount.sub_path).parts:
            message = f'volume "{mount.volume}": subPath must not contain ..'
            raise VolumeError(message)
        if not target.exists():
            target.mkdir(parents=True)


def link_nested(container: Container, folders: Mapping[str, Path]) -> None:
    """Show a volume that is mounted below another one inside that one's folder.

    The outer folder then holds a link for every container of the Pod, where a kubelet leaves an
    empty folder behind.
    """
    for inner in container.mounts:
        above = [each for each in container.mounts if inner.path.startswith(f"{each.path}/")]
        if not above:
            continue
        outer = max(above, key=lambda each: len(each.path))
        place = folders[outer.volume] / outer.sub_path / inner.path[len(outer.path) + 1 :]
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(folders[inner.volume] / inner.sub_path)


def _check_host_path(path: Path, kind: str) -> None:
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch()
    is_as_wanted = {"Directory": path.is_dir(), "File": path.is_file()}.get(kind, True)
    if not is_as_wanted:
        message = f"hostPath {path} is not a {kind}"
        raise VolumeError(message)


def _current(folder: Path) -> dict[str, File] | None:
    data = folder / _DATA
    if not data.exists():
        return None
    return {
        str(path.relative_to(data)): File(path.read_bytes(), path.stat().st_mode & 0o777)
        for path in data.rglob("*")
        if path.is_file()
    }


def _switch(folder: Path, fresh: Path) -> None:
    data = folder / _DATA
    old = data.resolve() if data.is_symlink() else None
    link = folder / f"{fresh.name}.link"
    link.symlink_to(fresh.name)
    link.replace(data)
    names = {path.name for path in fresh.iterdir()}
    for name in names:
        visible = folder / name
        if not visible.is_symlink():
            visible.symlink_to(os.path.join(_DATA, name))  # noqa: PTH118  # a link's text, no path
    for visible in folder.iterdir():
        if visible.is_symlink() and visible.name != _DATA and visible.name not in names:
            visible.unlink()
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
