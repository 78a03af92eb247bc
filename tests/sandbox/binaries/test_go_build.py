"""Tests of the build, with a program in place of Go; the real one runs once, for minutes."""

import os
from pathlib import Path

import psutil
import pytest

from perennial_sandbox.binaries import go_build, versions
from perennial_sandbox.binaries.go_build import BuildError, Progress

_WORKS = """
echo "$@" >"$RECORD"; env >>"$RECORD"; pwd >>"$RECORD"
echo "go: downloading k8s.io/api v0.37.2" >&2
echo "k8s.io/api/core/v1" >&2
while [ "$1" != -o ]; do shift; done
echo built >"$2"
"""
_FAILS = """
echo "k8s.io/api/core/v1" >&2
echo "main.go:1:1: undefined: x" >&2
exit 1
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose only program folder is one that a test fills."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "out").mkdir()
    path = f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {"PATH": path, "RECORD": str(tmp_path / "record"), "GOFLAGS": "-mod=vendor"}


def _install_go(environment: dict[str, str], script: str) -> None:
    go = Path(environment["PATH"].split(os.pathsep)[0]) / "go"
    go.write_text("#!/bin/sh\n" + script)
    go.chmod(0o755)


def test_a_build_makes_one_program_with_all_names(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Every name leads to the same file, which knows its version."""
    _install_go(environment, _WORKS)
    out = tmp_path / "out"
    go_build.build(out, environment=environment, report=lambda _line: None)
    assert {entry.name for entry in out.iterdir()} == {"kube", "kubectl", *versions.REQUIRED}
    assert {(out / name).read_text() for name in versions.REQUIRED} == {"built\n"}
    record = (tmp_path / "record").read_text()
    assert f"gitVersion=v{versions.KUBERNETES}" in record
    assert str(go_build.MODULE) in record


def test_the_users_own_go_settings_do_not_reach_the_build(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Flags and workspaces of another project would break it."""
    _install_go(environment, _WORKS)
    go_build.build(tmp_path / "out", environment=environment, report=lambda _line: None)
    record = (tmp_path / "record").read_text().splitlines()
    assert "GOFLAGS=-mod=readonly" in record
    assert "GOWORK=off" in record
    assert "CGO_ENABLED=0" in record


def test_a_failed_build_says_what_the_compiler_said(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """The names of compiled packages are no error messages."""
    _install_go(environment, _FAILS)
    with pytest.raises(BuildError) as caught:
        go_build.build(tmp_path / "out", environment=environment, report=lambda _line: None)
    assert str(caught.value) == "go build failed: main.go:1:1: undefined: x"


def test_without_go_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match="Go is not installed"):
        go_build.build(tmp_path, environment={"PATH": str(tmp_path)}, report=lambda _line: None)


def test_a_silent_compiler_is_reported_too_and_ends_with_its_user(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linking takes long without a word; Ctrl-C during a report leaves no compiler behind."""
    monkeypatch.setattr(go_build, "_REPORT_SECONDS", 0.01)
    _install_go(environment, 'echo $$ >"$RECORD"; exec sleep 60')

    def interrupt(line: str) -> None:
        if line.startswith("0:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_build.build(tmp_path / "out", environment=environment, report=interrupt)
    record = tmp_path / "record"
    assert not record.exists() or not psutil.pid_exists(int(record.read_text()))


def test_progress_counts_packages_and_names_the_last_one() -> None:
    """People see how long it has taken, how far it is, and that it moves."""
    progress = Progress()
    lines = [progress.line(3.2)]
    progress.hear("go: downloading k8s.io/api v0.37.2\n")
    lines.append(progress.line(61))
    for package in ("k8s.io/api/core/v1\n", "k8s.io/apiserver/pkg/server\n", "\n"):
        progress.hear(package)
    lines.append(progress.line(125.9))
    assert lines == [
        "0:03 looking for the sources",
        "1:01 downloading k8s.io/api",
        "2:05 2 packages compiled, k8s.io/apiserver/pkg/server",
    ]


def test_only_the_last_complaints_are_kept() -> None:
    """A message for people must fit on their screen."""
    progress = Progress()
    for number in range(9):
        progress.hear(f"main.go:{number}:1: something is wrong\n")
    assert [line.split(":")[1] for line in progress.errors] == ["4", "5", "6", "7", "8"]
