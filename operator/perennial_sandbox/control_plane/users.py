"""The people of a sandbox: who they are to the API server.

What their groups may do comes with the manifests that are applied.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """One person with a context in the kubeconfig."""

    name: str
    group: str


USERS = (
    User("admin", "system:masters"),
    User("scientist", "perennial:scientists"),
    User("approver", "perennial:approvers"),
)


def token_file(tokens: Mapping[str, str]) -> str:
    """Return the API server's token file: one line a user."""
    return "".join(
        f'{tokens[user.name]},{user.name},{user.name},"{user.group}"\n' for user in USERS
    )


def read_tokens(content: str) -> dict[str, str]:
    """Return each user's token from the token file."""
    lines = (line.split(",") for line in content.splitlines())
    return {words[1]: words[0] for words in lines}
