"""Builds all programs as one from the Go module in this package; it takes some minutes, once."""

import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from perennial_sandbox.binaries import versions

MODULE = Path(__file__).parent / "go_module"
_PROGRAM = "kube"
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_REPORT_SECONDS = 5.0
_KEPT_LINES = 5


class BuildError(Exception):
    """The programs could not be built; the text says why."""


@dataclass(slots=True)
class Progress:
    """What the compiler has said so far, put into one line for people."""

    packages: int = 0
    last: str = "looking for the sources"
    errors: list[str] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """Take one line of `go build -v`: a package, a download, or a complaint."""
        words = line.split()
        if line.startswith("go: downloading "):
            self.last = f"downloading {words[2]}"
        elif len(words) == 1 and "/" in line:
            self.packages += 1
            self.last = words[0]
        elif words:
            self.errors = [*self.errors, line.strip()][-_KEPT_LINES:]

    def line(self, elapsed_seconds: float) -> str:
        """Return the line to show after this time."""
        minutes, seconds = divmod(int(elapsed_seconds), 60)
        count = f"{self.packages} packages compiled, " if self.packages else ""
        return f"{minutes}:{seconds:02d} {count}{self.last}"


def build(
    place: Path,
    *,
    environment: Mapping[str, str],
    report: Callable[[str], None],
    module: Path = MODULE,
) -> None:
    """Fill the folder with one program and its names."""
    go = shutil.which("go", path=environment.get("PATH"))
    if go is None:
        message = "Go is not installed"
        raise BuildError(message)
    report("building etcd and Kubernetes with Go: some minutes, once")
    process = subprocess.Popen(  # noqa: S603  # our own command line; Go is the user's
        [go, "build", *_flags(), "-o", str(place / _PROGRAM), "."],
        cwd=module,
        env=_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        progress = _followed(process, report)
    if process.returncode != 0:
        message = "go build failed: " + " ".join(progress.errors)
        raise BuildError(message)
    for name in (*versions.REQUIRED, versions.KUBECTL):
        (place / name).symlink_to(_PROGRAM)


def _flags() -> list[str]:
    major, minor, _ = versions.KUBERNETES.split(".")
    facts = {"gitVersion": f"v{versions.KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    settings = [
        f"-X {package}.{name}={value}"
        for package in _VERSION_PACKAGES
        for name, value in facts.items()
    ]
    # The folder may lie within some repository, whose state is nobody's business here.
    return ["-v", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(["-s", "-w", *settings])]


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    # The user's flags and workspaces are meant for the user's own projects.
    return {**environment, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


def _followed(process: "subprocess.Popen[str]", report: Callable[[str], None]) -> Progress:
    """Report at a steady pace until the compiler ends, also while it says nothing."""
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_pass_on, args=(process.stderr or (), heard), daemon=True)
    reader.start()
    progress, started, told, is_over = Progress(), time.monotonic(), 0.0, False
    try:
        while (line := _next(heard)) is not None:
            progress.hear(line)
            elapsed = time.monotonic() - started
            if elapsed - told >= _REPORT_SECONDS:
                report(progress.line(elapsed))
                told = elapsed
        is_over = True
    finally:
        if not is_over:
            # An interrupted build must not go on without its user, nor its compilers.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        reader.join()
    return progress


def _pass_on(lines: Iterable[str], heard: "queue.SimpleQueue[str | None]") -> None:
    for line in lines:
        heard.put(line)
    heard.put(None)


def _next(heard: "queue.SimpleQueue[str | None]") -> str | None:
    """Return the next line, an empty one if there was none for a while, None at the end."""
    try:
        return heard.get(timeout=_REPORT_SECONDS)
    except queue.Empty:
        return ""
