"""Tests of how verbs are found."""

from importlib import metadata

import click
import pytest

from perennial_operator.console import verbs


def _entries(monkeypatch: pytest.MonkeyPatch, **targets: str) -> None:
    """Install verbs of another package."""
    found = metadata.EntryPoints(
        metadata.EntryPoint(name, target, verbs.GROUP) for name, target in targets.items()
    )
    monkeypatch.setattr(metadata, "entry_points", found.select)


def test_every_own_verb_is_where_the_table_says() -> None:
    """Each can be loaded, and its own help says the same as the list."""
    for name, verb in verbs.OWN.items():
        loaded = verbs.load(name)
        assert loaded is not None
        assert verb.summary == verbs.summary(name)
        assert len(verb.summary) <= 80


def test_verbs_of_other_packages_are_found_by_their_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They stand in the list with the first sentence of their help."""
    _entries(monkeypatch, theirs="perennial_operator.console.verbs.sandbox:command")
    assert verbs.names() == ["sandbox", "theirs"]
    assert verbs.summary("theirs") == verbs.summary("sandbox")
    assert isinstance(verbs.load("theirs"), click.Group)


def test_an_unknown_verb_is_none() -> None:
    """The root says what it says about every misspelled word."""
    assert verbs.load("no-such-verb") is None
    assert verbs.summary("no-such-verb") == ""


def test_a_verb_whose_package_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list stays readable, and calling the verb ends with the same sentence."""
    _entries(monkeypatch, theirs="perennial_missing.verb:command")
    advice = "needs `pip install 'perennial[missing]'`: No module named 'perennial_missing'"
    assert verbs.summary("theirs") == advice
    with pytest.raises(click.ClickException, match="No module named 'perennial_missing'"):
        verbs.load("theirs")


def test_an_entry_point_that_is_no_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may register anything; a traceback would blame us."""
    _entries(monkeypatch, theirs="os:sep")
    with pytest.raises(click.ClickException, match="the verb theirs is not a command"):
        verbs.load("theirs")
