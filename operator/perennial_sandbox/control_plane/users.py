"""The people of a sandbox: who they are to the API server and which roles they hold.

The roles themselves come with the operator's manifests; `view` is Kubernetes' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class User:
    """One person with a context in the kubeconfig."""

    name: str
    group: str
    roles: tuple[str, ...] = ()


USERS = (
    User("admin", "system:masters"),
    User("scientist", "perennial:scientists", ("view", "perennial-edit")),
    User("approver", "perennial:approvers", ("view", "perennial-approver")),
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


def role_bindings() -> list[Json]:
    """Return the objects that give each group its roles in every namespace."""
    return [_binding(user, role) for user in USERS for role in user.roles]


def _binding(user: User, role: str) -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"perennial-sandbox-{user.name}-{role}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": user.group}
        ],
    }
