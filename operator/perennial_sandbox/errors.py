"""What can go wrong while the sandbox is started, used or stopped.

SandboxError                   never raised itself
|- MissingPrerequisiteError    something must be installed first; one sentence says what
|- RefusedError                the request cannot be carried out as it is; it says what to change
|- NotReadyError               the time ran out; the message says where to look
"""


class SandboxError(Exception):
    """The parent of all errors of the sandbox; its text is meant for people."""


class MissingPrerequisiteError(SandboxError):
    """Something is not installed, and the sandbox cannot get it by itself."""


class RefusedError(SandboxError):
    """The request cannot be carried out as it stands."""


class NotReadyError(SandboxError):
    """A part of the sandbox was not ready in time."""
