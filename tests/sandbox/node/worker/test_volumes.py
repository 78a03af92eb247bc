"""Tests of volumes as folders."""

import os
from pathlib import Path

import pytest

from perennial_sandbox.node.pods.files import Content, File
from perennial_sandbox.node.pods.plan import Container, Mount
from perennial_sandbox.node.worker import volumes
from perennial_sandbox.node.worker.volumes import VolumeError


def seen(folder: Path) -> dict[str, str]:
    """Return what a process sees in a volume."""
    found = {}
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith("..")]
        for name in names:
            path = Path(place, name)
            found[str(path.relative_to(folder))] = path.read_text()
    return found


def content(**files: str) -> Content:
    """Return a content of texts."""
    return Content({name: File(text.encode()) for name, text in files.items()})


@pytest.mark.parametrize("kind", ["emptyDir", "configMap", "secret", "projected", "downwardAPI"])
def test_supported_kinds_get_a_private_folder(tmp_path: Path, kind: str) -> None:
    """Twice is as good as once."""
    volume = {"name": "v", kind: {}}
    volumes.prepare(tmp_path, volume)
    volumes.prepare(tmp_path, volume)
    folder = volumes.folder_of(tmp_path, volume)
    assert (folder, folder.stat().st_mode & 0o077) == (tmp_path / "volumes" / "v", 0)


def test_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    """So that a person sees what to replace."""
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    with pytest.raises(VolumeError, match='volume "v": persistentVolumeClaim is not supported'):
        volumes.prepare(tmp_path, volume)


@pytest.mark.parametrize(
    ("kind", "exists"),
    [("", False), ("DirectoryOrCreate", True), ("FileOrCreate", True)],
)
def test_a_host_path_is_used_as_it_is(tmp_path: Path, kind: str, *, exists: bool) -> None:
    """It is made only if its type says so."""
    target = tmp_path / "target"
    volume = {"name": "v", "hostPath": {"path": str(target), "type": kind}}
    volumes.prepare(tmp_path / "pod", volume)
    assert (volumes.folder_of(tmp_path, volume), target.exists()) == (target, exists)


@pytest.mark.parametrize(("kind", "other"), [("Directory", "file"), ("File", "folder")])
def test_a_host_path_of_another_type_is_refused(tmp_path: Path, kind: str, other: str) -> None:
    """As the kubelet does."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    good = {"Directory": "folder", "File": "file"}[kind]
    volumes.prepare(
        tmp_path, {"name": "v", "hostPath": {"path": str(tmp_path / good), "type": kind}}
    )
    wrong = {"name": "v", "hostPath": {"path": str(tmp_path / other), "type": kind}}
    with pytest.raises(VolumeError, match=f"is not a {kind}"):
        volumes.prepare(tmp_path, wrong)


def test_a_written_volume_shows_exactly_its_files(tmp_path: Path) -> None:
    """Changes, additions and removals; the modes are those wanted."""
    volumes.write(tmp_path, Content({"a": File(b"1", 0o400), "deep/b": File(b"2")}))
    before, mode = seen(tmp_path), (tmp_path / "a").stat().st_mode & 0o777
    volumes.write(tmp_path, content(a="3", c="4"))
    assert (before, mode, seen(tmp_path)) == (
        {"a": "1", "deep/b": "2"},
        0o400,
        {"a": "3", "c": "4"},
    )


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    """Programs that watch the files see no change."""
    first = volumes.write(tmp_path, content(a="1"))
    target = (tmp_path / "..data").readlink()
    second = volumes.write(tmp_path, content(a="1"))
    assert (first, second, (tmp_path / "..data").readlink()) == (True, False, target)


def test_all_files_change_in_the_same_moment(tmp_path: Path) -> None:
    """An open folder keeps the old ones; the visible names go through one link."""
    volumes.write(tmp_path, content(a="1", b="1"))
    links = {(tmp_path / name).readlink() for name in "ab"}
    assert links == {Path("..data/a"), Path("..data/b")}
    volumes.write(tmp_path, content(a="2", b="2"))
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("..")]) == 2


def test_a_volume_may_be_empty(tmp_path: Path) -> None:
    """An optional source that does not exist, before and after it existed."""
    volumes.write(tmp_path, Content())
    before = seen(tmp_path)
    volumes.write(tmp_path, content(a="1"))
    volumes.write(tmp_path, Content())
    assert (before, seen(tmp_path)) == ({}, {})


def test_mount_paths_map_to_folders(tmp_path: Path) -> None:
    """A sub path is a part of the volume."""
    one = Container("c", mounts=(Mount("v", "/data"), Mount("v", "/sub", "x/y")))
    found = volumes.local_folders(one, {"v": tmp_path})
    assert found == {"/data": str(tmp_path), "/sub": str(tmp_path / "x/y")}


def test_sub_paths_are_made(tmp_path: Path) -> None:
    """An existing file stays one."""
    (tmp_path / "file").touch()
    one = Container("c", mounts=(Mount("v", "/a", "x/y"), Mount("v", "/b", "file")))
    volumes.make_sub_paths(one, {"v": tmp_path})
    assert ((tmp_path / "x/y").is_dir(), (tmp_path / "file").is_file()) == (True, True)


def test_a_sub_path_cannot_leave_its_volume(tmp_path: Path) -> None:
    """Nothing outside is made or mapped."""
    one = Container("c", mounts=(Mount("v", "/a", "../x"),))
    with pytest.raises(VolumeError, match=r"must not contain \.\."):
        volumes.make_sub_paths(one, {"v": tmp_path / "v"})
    assert not (tmp_path / "x").exists()


def test_a_mount_below_another_is_seen_there(tmp_path: Path) -> None:
    """As a kubelet would, so that one variable can name the outer path."""
    mounts = (Mount("in", "/in"), Mount("config", "/in/deep/config"), Mount("other", "/inner"))
    one = Container("c", "image", mounts=mounts)
    folders = {name: tmp_path / name for name in ("in", "config", "other")}
    for folder in folders.values():
        folder.mkdir()
    (folders["config"] / "run.json").write_text("{}")

    volumes.link_nested(one, folders)
    volumes.link_nested(one, folders)

    assert seen(folders["in"]) == {"deep/config/run.json": "{}"}
    assert seen(folders["other"]) == {}
