"""Tests of the root of the command line."""

import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from perennial_operator.console import main, verbs
from perennial_operator.console.exit_codes import ExitCode
from perennial_operator.errors import Invalid
from perennial_sandbox.errors import NotReadyError

Install = Callable[[Callable[[], object]], None]
_HEAVY = ("kubernetes", "kopf", "numpy", "httpx", "rich", "yaml", "cryptography", "psutil")
_PROBE = """
import sys
from perennial_operator.console import main
code = main.run(sys.argv[1:])
heavy = [name for name in {heavy!r} if name in sys.modules]
print(f"code {{code:d}} heavy {{heavy}}", file=sys.stderr)
"""


def _raising(error: BaseException) -> Callable[[], None]:
    def verb() -> None:
        raise error

    return verb


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a way to make the root find one verb with a given behavior."""

    def install(behavior: Callable[[], object]) -> None:
        found = click.Command("it", callback=behavior)
        monkeypatch.setattr(verbs, "load", lambda _name: found)

    return install


def test_a_verb_that_says_nothing_else_is_done(
    verb: Install,
) -> None:
    """No news is good news."""
    verb(lambda: None)
    assert main.run(["it"]) == ExitCode.DONE


@pytest.mark.parametrize("code", list(ExitCode))
def test_a_verb_ends_with_the_code_that_it_returns(code: ExitCode, verb: Install) -> None:
    """Each of the five codes can be reached by every verb."""
    verb(lambda: code)
    assert main.run(["it"]) == code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Invalid("Bad", "set spec.x", field="spec.x"), 1, "Error: spec.x: set spec.x\n"),
        (NotReadyError("not yet"), 2, "Error: not yet\n"),
        (click.ClickException("no such file"), 1, "Error: no such file\n"),
        (click.Abort(), 1, "Interrupted.\n"),
        (KeyboardInterrupt(), 1, "\nInterrupted.\n"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    error: BaseException,
    code: int,
    said: str,
    *,
    verb: Install,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """People read a sentence, not a traceback."""
    verb(_raising(error))
    assert main.run(["it"]) == code
    assert capsys.readouterr().err == said


def test_a_bug_keeps_its_traceback(verb: Install) -> None:
    """What nobody foresaw must not look like an error of the user."""
    verb(_raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main.run(["it"])


@pytest.mark.parametrize("arguments", [["no-such-verb"], ["sandbox", "up", "--no-such-option"]])
def test_a_usage_error_ends_with_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two means not ready, so a misspelled word must not end with it."""
    assert main.run(arguments) == ExitCode.ERROR
    assert "Usage: perennial" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "name"),
    [("perennial", "perennial"), ("kubectl-perennial", "kubectl perennial")],
)
def test_help_calls_the_program_as_the_user_did(
    program: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One program has two names; its help lists the verbs in both."""
    assert main.run(["--help"], program=program) == ExitCode.DONE
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: {name} ")
    assert verbs.OWN["sandbox"].summary in said


def test_the_process_ends_with_the_verbs_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what the two console scripts call."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-perennial", "no-such-verb"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == ExitCode.ERROR
    assert "kubectl perennial" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["sandbox", "--help"], ["sandbox", "up", "--help"], ["sandbox", "logs", "-h"]],
)
def test_verbs_without_a_cluster_start_quickly(arguments: list[str]) -> None:
    """Nothing is imported that they do not need."""
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE.format(heavy=_HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert probe.stderr == "code 0 heavy []\n"
