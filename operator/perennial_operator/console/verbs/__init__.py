"""The verbs. Each is imported only when it is called, so start-up stays short.

Our own verbs stand in one table with their line of help, so that the list of all verbs imports
none of them. A verb of another package is found by the entry-point group `perennial.verbs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from types import MappingProxyType

import click

GROUP = "perennial.verbs"


@dataclass(frozen=True, slots=True)
class Verb:
    """The module whose `command` is the verb, and what it does in one line."""

    module: str
    summary: str


OWN: Mapping[str, Verb] = MappingProxyType(
    {
        "sandbox": Verb(
            "perennial_operator.console.verbs.sandbox",
            "Run a local control plane whose node runs Pods as processes.",
        ),
    }
)


def names() -> list[str]:
    """Return all verbs in the order of the alphabet."""
    return sorted({*OWN, *metadata.entry_points(group=GROUP).names})


def summary(name: str) -> str:
    """Return what a verb does in one line; for one that cannot be loaded, why."""
    if name in OWN:
        return OWN[name].summary
    try:
        command = load(name)
    except click.ClickException as error:
        return error.message
    return command.get_short_help_str(limit=100) if command else ""


def load(name: str) -> click.Command | None:
    """Return the verb, None if there is none of that name."""
    if name in OWN:
        found = import_module(OWN[name].module).command
    else:
        entries = tuple(metadata.entry_points(group=GROUP, name=name))
        if not entries:
            return None
        found = _loaded(entries[0])
    if not isinstance(found, click.Command):
        message = f"the verb {name} is not a command"
        raise click.ClickException(message)
    return found


def _loaded(entry: metadata.EntryPoint) -> object:
    try:
        return entry.load()
    except ImportError as error:
        package = entry.module.split(".")[0].removeprefix("perennial_")
        message = f"needs `pip install 'perennial[{package}]'`: {error}"
        raise click.ClickException(message) from error
