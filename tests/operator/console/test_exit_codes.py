"""Tests of the exit codes."""

import pytest

from perennial_operator.console import exit_codes
from perennial_operator.console.exit_codes import ExitCode
from perennial_operator.errors import Invalid, Unavailable
from perennial_sandbox.errors import MissingPrerequisiteError, NotReadyError, RefusedError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("ModelMissing", "set spec.model.uri", field="spec.model.uri"), ExitCode.ERROR),
        (Unavailable("the API server does not answer"), ExitCode.ERROR),
        (MissingPrerequisiteError("install Go"), ExitCode.ERROR),
        (RefusedError("name another folder"), ExitCode.ERROR),
        (NotReadyError("the node did not become ready within 60 s"), ExitCode.NOT_READY),
    ],
)
def test_scripts_can_tell_an_error_from_a_wait_that_ran_out(
    error: Exception, code: ExitCode
) -> None:
    """Trying again helps in one case only."""
    assert exit_codes.of_error(error) is code


def test_the_codes_are_those_that_the_help_promises() -> None:
    """They are a contract: scripts compare with the numbers."""
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4]
