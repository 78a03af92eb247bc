"""What the demonstration does to the sandbox: only what a user would do, by the same commands."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
NAMESPACE = "demo"


class CommandFailedError(RuntimeError):
    """A command ended with an error; the message is what it said."""


async def run(*arguments: str, stdin: str = "", shows_progress: bool = False) -> str:
    """Run a command and return what it printed; its progress may go to the reader's screen."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if shows_progress else asyncio.subprocess.PIPE,
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
    )
    output, errors = await process.communicate(stdin.encode())
    if process.returncode:
        message = (
            f"{' '.join(arguments)}\n{(errors or b'').decode().strip()}\n{output.decode().strip()}"
        )
        raise CommandFailedError(message)
    return output.decode()


def manifest(name: str, **values: str) -> str:
    """Return a YAML file of this folder with its ${PLACES} filled in."""
    return Template((HERE / name).read_text()).substitute(values)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox in a folder of its own."""

    directory: Path
    kubeconfig: Path
    kubectl: str

    async def apply(self, text: str, *, user: str = "scientist") -> None:
        """Apply YAML as a person."""
        await self._kubectl(user, "apply", "-f", "-", stdin=text)

    async def get(self, kind: str, name: str = "", *, labels: str = "") -> dict[str, Any]:
        """Return an object, or a list of objects, of the demonstration's namespace."""
        chosen = [name] if name else []
        selected = ["-l", labels] if labels else []
        text = await self._kubectl("admin", "get", kind, *chosen, *selected, "-o", "json")
        found: dict[str, Any] = json.loads(text)
        return found

    async def show(self, *arguments: str, user: str = "admin") -> str:
        """Return what kubectl prints for a person."""
        return await self._kubectl(user, *arguments)

    async def service_url(self, service: str) -> str:
        """Return the local address of a Service, once there is one."""
        services = self.directory / "services.json"
        async with asyncio.timeout(60):
            while True:
                if services.exists():
                    ports = json.loads(services.read_text()).get(f"{NAMESPACE}/{service}", {})
                    for port in ports.values():
                        return f"http://127.0.0.1:{port}"
                await asyncio.sleep(0.2)

    async def down(self) -> None:
        """Remove it."""
        await run(str(BIN / "perennial"), "sandbox", "down", "--directory", str(self.directory))

    async def _kubectl(self, user: str, *arguments: str, stdin: str = "") -> str:
        return await run(
            self.kubectl, "--kubeconfig", str(self.kubeconfig), "--context", user,
            "-n", NAMESPACE, *arguments, stdin=stdin,
        )  # fmt: skip


async def start(directory: Path) -> Sandbox:
    """Start a sandbox with the operator in it, and the demonstration's namespace."""
    text = await run(
        str(BIN / "perennial"), "sandbox", "up", "--directory", str(directory), "-o", "json",
        shows_progress=True,
    )  # fmt: skip
    found = json.loads(text)
    sandbox = Sandbox(directory, Path(found["kubeconfig"]), found["kubectl"])
    await run(
        sandbox.kubectl, "--kubeconfig", str(sandbox.kubeconfig), "--context", "admin",
        "create", "namespace", NAMESPACE,
    )  # fmt: skip
    return sandbox


async def publish(model: Path, store: Path, *, sample: Path | None = None) -> dict[str, str]:
    """Publish a model as a scientist would; return its `uri` and `digest`."""
    proof = ["--sample", str(sample)] if sample else []
    text = await run(
        str(BIN / "perennial"),
        "publish",
        str(model),
        "--to",
        f"file://{store}",
        *proof,
        "-o",
        "json",
    )
    found: dict[str, str] = json.loads(text)
    return found
