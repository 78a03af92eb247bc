"""Tests of the people of a sandbox."""

from perennial_sandbox.control_plane import users

_TOKENS = {"admin": "a1", "scientist": "s2", "approver": "p3"}


def test_the_token_file_names_users_and_groups() -> None:
    """It is what the API server's flag expects: token, user, identifier, groups."""
    assert users.token_file(_TOKENS).splitlines() == [
        'a1,admin,admin,"system:masters"',
        's2,scientist,scientist,"perennial:scientists"',
        'p3,approver,approver,"perennial:approvers"',
    ]


def test_tokens_are_read_back() -> None:
    """The order is the order of the contexts: the administrator first."""
    found = users.read_tokens(users.token_file(_TOKENS))
    assert list(found.items()) == list(_TOKENS.items())
