"""Tests of the sandbox's errors."""

import pytest

from perennial_sandbox.errors import (
    MissingPrerequisiteError,
    NotReadyError,
    RefusedError,
    SandboxError,
)


@pytest.mark.parametrize("kind", [MissingPrerequisiteError, RefusedError, NotReadyError])
def test_one_handler_catches_every_error_of_the_sandbox(kind: type[SandboxError]) -> None:
    """Whoever catches the parent shows people the text of each kind."""
    error = kind("say what to do")
    with pytest.raises(SandboxError, match=r"^say what to do$"):
        raise error
