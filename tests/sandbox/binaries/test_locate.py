"""Tests of the order in which programs are looked for."""

import os
from pathlib import Path

import pytest

from perennial_sandbox.binaries import cache, locate, versions
from perennial_sandbox.binaries.releases import Publishers
from perennial_sandbox.errors import MissingPrerequisiteError

# Nobody listens on the first port, so a download fails at once.
_NOWHERE = Publishers("https://127.0.0.1:1/kubernetes", "https://127.0.0.1:1/etcd")
_GO = 'while [ "$1" != -o ]; do shift; done; echo built >"$2"; chmod +x "$2"\n'


def _fill(place: Path, names: tuple[str, ...] = versions.REQUIRED) -> Path:
    place.mkdir(parents=True)
    for name in names:
        (place / name).touch(mode=0o755)
    return place


def _find(environment: dict[str, str]) -> tuple[Path, list[str]]:
    said: list[str] = []
    return locate.find(environment, report=said.append, publishers=_NOWHERE), said


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with an empty cache and no programs."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin")}


def test_the_users_own_programs_come_first(tmp_path: Path, environment: dict[str, str]) -> None:
    """They win even over a full cache."""
    own = _fill(tmp_path / "own")
    _fill(cache.folder(environment))
    place, said = _find({**environment, "KUBEBUILDER_ASSETS": str(own)})
    assert place == own
    assert said == [f"Kubernetes programs: {own} (KUBEBUILDER_ASSETS)"]


def test_an_incomplete_folder_of_the_user_is_named_and_passed_over(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """The assets of envtest hold no controllers: the cache is used instead."""
    own = _fill(tmp_path / "own", ("etcd", "kube-apiserver", "kubectl"))
    cached = _fill(cache.folder(environment))
    place, said = _find({**environment, "KUBEBUILDER_ASSETS": str(own)})
    assert place == cached
    assert said[0].endswith("holds no kube-controller-manager, kube-scheduler: looking elsewhere")


def test_a_full_cache_needs_no_network(environment: dict[str, str]) -> None:
    """The second start is quick."""
    cached = _fill(cache.folder(environment))
    assert _find(environment) == (cached, [f"Kubernetes programs: {cached}"])


def test_without_releases_the_programs_are_built(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Go is asked after the download failed, and its work is kept in the cache."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").write_text("#!/bin/sh\n" + _GO)
    (tmp_path / "bin" / "go").chmod(0o755)
    place, said = _find({**environment, "PATH": f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin"})
    assert place == cache.folder(environment)
    assert cache.is_complete(place)
    assert said[0].startswith("no release was downloaded: ")


def test_if_nothing_works_one_sentence_says_what_to_install(environment: dict[str, str]) -> None:
    """It names the three ways out, and leaves nothing in the cache."""
    with pytest.raises(MissingPrerequisiteError) as caught:
        _find(environment)
    assert str(caught.value) == (
        "Install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with etcd, "
        "kube-apiserver, kube-controller-manager, kube-scheduler 1.37.2: the official releases "
        "cannot be downloaded here, and Go is not installed."
    )
    assert list(cache.folder(environment).parent.iterdir()) == []
