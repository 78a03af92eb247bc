"""Tests of the cache of programs."""

import platform
import threading
from pathlib import Path

import pytest

from perennial_sandbox.binaries import cache, versions


def _make(place: Path) -> None:
    for name in versions.REQUIRED:
        (place / name).touch(mode=0o755)


def _ignore(_line: str) -> None:
    """Take no interest in reports."""


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", "riscv64")]
)
def test_the_architecture_has_the_name_of_the_releases(
    machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux and the publishers name the same machine differently."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert cache.architecture() == name


def test_the_folder_names_all_that_its_content_depends_on() -> None:
    """Another version or machine never finds wrong programs."""
    place = cache.folder({"XDG_CACHE_HOME": "/cache"})
    name = f"kubernetes-{versions.KUBERNETES}-etcd-{versions.ETCD}-{cache.architecture()}"
    assert place == Path("/cache/perennial") / name
    assert cache.folder({}) == Path.home() / ".cache/perennial" / name


def test_a_folder_is_complete_with_the_last_program(tmp_path: Path) -> None:
    """A file that cannot be executed does not count."""
    _make(tmp_path)
    assert cache.is_complete(tmp_path)
    (tmp_path / "etcd").chmod(0o644)
    # The superuser may read anything, but execute only what is marked as a program.
    assert not cache.is_complete(tmp_path)


def test_a_filled_folder_appears_in_one_step(tmp_path: Path) -> None:
    """While it is made, nobody sees a part of it."""
    place = tmp_path / "perennial" / "programs"
    seen: list[bool] = []

    def make(fresh: Path) -> None:
        _make(fresh)
        seen.append(place.exists())

    cache.fill(place, make, report=_ignore)
    assert seen == [False]
    assert cache.is_complete(place)
    assert list(place.parent.iterdir()) == [place]


def test_an_incomplete_folder_is_replaced(tmp_path: Path) -> None:
    """Whoever removed a program gets it again."""
    place = tmp_path / "perennial" / "programs"
    place.mkdir(parents=True)
    (place / "old").touch()
    cache.fill(place, _make, report=_ignore)
    assert {entry.name for entry in place.iterdir()} == set(versions.REQUIRED)


def test_a_failed_attempt_leaves_nothing(tmp_path: Path) -> None:
    """The next attempt starts from an empty cache."""

    def fail(fresh: Path) -> None:
        _make(fresh)
        message = "no space"
        raise OSError(message)

    with pytest.raises(OSError, match="no space"):
        cache.fill(tmp_path / "perennial" / "programs", fail, report=_ignore)
    assert list((tmp_path / "perennial").iterdir()) == []


def test_of_two_makers_the_second_waits_and_uses_what_the_first_made(tmp_path: Path) -> None:
    """It says that it waits, and then makes nothing."""
    place = tmp_path / "perennial" / "programs"
    said: list[str] = []
    made: list[str] = []
    waits = threading.Event()

    def hear(line: str) -> None:
        said.append(line)
        waits.set()

    def make_first(fresh: Path) -> None:
        second.start()
        assert waits.wait(timeout=10)
        _make(fresh)
        made.append("first")

    def make_second(_fresh: Path) -> None:
        made.append("second")

    second = threading.Thread(target=cache.fill, args=(place, make_second), kwargs={"report": hear})
    cache.fill(place, make_first, report=_ignore)
    second.join(timeout=10)
    assert made == ["first"]
    assert said == ["another process is getting the Kubernetes programs: waiting for it"]
