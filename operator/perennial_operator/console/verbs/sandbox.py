"""`perennial sandbox`: starts, shows and removes the local control plane."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perennial_operator.api import names
from perennial_operator.console.exit_codes import ExitCode

if TYPE_CHECKING:
    from perennial_sandbox.sandbox import Running, Status

_Verb = Callable[..., ExitCode | None]

# Its owner is its only user, so every trainer image is allowed: it runs as a local command.
SETTINGS = {"PERENNIAL_ALLOWED_TRAINER_IMAGES": "*"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run a local control plane whose node runs Pods as processes.

    It is the real Kubernetes: etcd, API server, controllers and scheduler. Only the node is ours;
    it runs Pods as processes of this host, without root and without containers.
    """


def _placed(verb: _Verb) -> _Verb:
    """Give a verb the two options that say which sandbox is meant."""
    named = click.option("--name", default="sandbox", show_default=True, help="Which sandbox.")
    placed = click.option(
        "--directory",
        type=click.Path(path_type=Path),
        help="The sandbox's folder, instead of one by its name below XDG_STATE_HOME.",
    )
    return named(placed(verb))


_output = click.option("-o", "--output", type=click.Choice(["json"]), help="Print JSON.")


@command.command()
@_placed
@_output
def up(name: str, directory: Path | None, output: str | None) -> None:
    """Start it, or repair it, with the operator in it; then print how to reach it."""
    from perennial_operator.console import install
    from perennial_sandbox import sandbox

    with reporting() as report:
        running = sandbox.up(
            _directory(name, directory),
            images=images(),
            manifests=install.manifests(settings=SETTINGS),
            report=report,
        )
    click.echo(access_as_json(running) if output else access(running))


@command.command()
@_placed
def down(name: str, directory: Path | None) -> None:
    """Stop all of it and remove all its files."""
    from perennial_sandbox import sandbox

    place = _directory(name, directory)
    was_there = sandbox.down(place)
    click.echo(f"Removed {place}." if was_there else f"There is no sandbox in {place}.")


@command.command()
@_placed
@_output
def status(name: str, directory: Path | None, output: str | None) -> ExitCode:
    """Show which parts run; exit 0 if all do and the API answers, else 2."""
    from perennial_sandbox import sandbox

    place = _directory(name, directory)
    found = sandbox.status(place)
    if found is None:
        click.echo("null" if output else f"There is no sandbox in {place}.")
        return ExitCode.NOT_READY
    click.echo(status_as_json(found) if output else status_table(found))
    return ExitCode.DONE if found.is_ready else ExitCode.NOT_READY


@command.command()
@click.argument("part", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as the logs grow.")
@click.option("--lines", default=50, show_default=True, help="How many of the last lines.")
@_placed
def logs(part: str | None, *, follow: bool, lines: int, name: str, directory: Path | None) -> None:
    """Print the last lines of the log of PART, or of all parts."""
    from perennial_sandbox import logs as sandbox_logs

    files = sandbox_logs.files(_directory(name, directory), part)
    width = max((len(known) for known in files), default=0)
    prefixes = {known: "" if part else f"{known:<{width}} | " for known in files}
    for known, file in files.items():
        for line in sandbox_logs.last_lines(file, lines):
            click.echo(prefixes[known] + line)
    if follow:
        for known, line in sandbox_logs.follow(files):
            click.echo(prefixes[known] + line)


@command.command()
@_placed
def kubeconfig(name: str, directory: Path | None) -> None:
    """Print the path of its kubeconfig, for KUBECONFIG."""
    from perennial_sandbox import sandbox

    click.echo(sandbox.connect(_directory(name, directory)).kubeconfig)


def images() -> dict[str, list[str]]:
    """Return the command of this installation that each of our images stands for."""
    envoy = find_spec("envoy")
    if envoy is None or envoy.origin is None:
        message = "Envoy is not installed: pip install 'perennial[sandbox]'"
        raise click.ClickException(message)
    return {
        names.OPERATOR_IMAGE: [sys.executable, "-m", "perennial_operator"],
        names.SERVING_IMAGE: [sys.executable, "-m", "perennial_serving"],
        names.ENVOY_IMAGE: [str(Path(envoy.origin).parent / "_bin" / "envoy")],
    }


def _directory(name: str, directory: Path | None) -> Path:
    from perennial_sandbox import sandbox

    return directory or sandbox.default_directory(os.environ, name)


@contextmanager
def reporting() -> Iterator[Callable[[str], None]]:
    """Show progress on standard error: one changing line for people, else a line each."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: click.echo(line, err=True)
        return
    with console.status("starting the sandbox") as spinner:
        yield lambda line: spinner.update(escape(line))


def access(running: "Running") -> str:
    """Return what people paste and read to reach the sandbox."""
    lines = [
        f"The sandbox is up: {running.server}",
        f"export KUBECONFIG={running.kubeconfig}",
        f"contexts: {', '.join(running.tokens)}",
    ]
    if running.kubectl is not None:
        lines.append(f"kubectl: {running.kubectl}")
    return "\n".join(lines)


def access_as_json(running: "Running") -> str:
    """Return how programs reach the sandbox; tokens stay in the kubeconfig."""
    found = {
        "directory": str(running.directory),
        "server": running.server,
        "kubeconfig": str(running.kubeconfig),
        "contexts": list(running.tokens),
        "kubectl": str(running.kubectl) if running.kubectl else None,
    }
    return json.dumps(found, indent=2)


def status_table(found: "Status") -> str:
    """Return one line a part, and one for the API."""
    rows = [(part.name, "dead" if part.pid is None else f"pid {part.pid}") for part in found.parts]
    rows.append(("API", f"{'ready' if found.answers else 'not ready'}, {found.server}"))
    return "\n".join(f"{name:<24}{state}" for name, state in rows)


def status_as_json(found: "Status") -> str:
    """Return the same for programs."""
    state = {
        "directory": str(found.directory),
        "server": found.server,
        "ready": found.is_ready,
        "answers": found.answers,
        "parts": {part.name: part.pid for part in found.parts},
    }
    return json.dumps(state, indent=2)
