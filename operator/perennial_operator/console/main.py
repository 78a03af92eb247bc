"""The root of the command line `perennial`, which is also `kubectl perennial`.

Knows how verbs are found, listed and ended; what they do is theirs.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from perennial_operator.console import exit_codes, verbs
from perennial_operator.console.exit_codes import ExitCode
from perennial_operator.errors import PerennialError
from perennial_sandbox.errors import SandboxError


class Root(click.Group):
    """Finds verbs when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names of all verbs."""
        return verbs.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Import one verb."""
        return verbs.load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing our own."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verbs.summary(name)) for name in self.list_commands(ctx)])


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="perennial", message="%(version)s")
def root() -> None:
    """Keep machine-learning models alive in production.

    Exit codes: 0 done or ready, 1 error, 2 not ready yet, 3 a person is awaited, 4 will not get
    ready by itself.
    """


def run(arguments: Sequence[str], *, program: str = "perennial") -> int:
    """Run one verb and return its exit code."""
    name = "kubectl perennial" if program.startswith("kubectl-") else "perennial"
    try:
        outcome = root.main(args=list(arguments), prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.ERROR
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return ExitCode.ERROR
    except (PerennialError, SandboxError) as error:
        click.echo(f"Error: {error}", err=True)
        return exit_codes.of_error(error)
    return outcome if isinstance(outcome, int) else ExitCode.DONE


def main() -> None:
    """Run the verb that the process was called with."""
    sys.exit(run(sys.argv[1:], program=Path(sys.argv[0]).name))
