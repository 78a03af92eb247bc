"""kopf is set up to write nothing and to live with outages."""

import itertools

import kopf
import pytest

from perennial_operator.handlers import startup


def test_every_setting_is_as_decided() -> None:
    """One assertion a line of the decision."""
    made = startup.settings()
    assert made.peering.standalone
    assert not made.posting.enabled
    assert made.admission.managed is None
    assert made.scanning.disabled
    assert made.persistence.finalizer == "kopf.perennial.dev/never-used"
    watching = made.watching
    assert (watching.chunk_size, watching.reconnect_backoff) == (500, 1.0)
    timeouts = (watching.server_timeout, watching.inactivity_timeout, watching.client_timeout)
    assert timeouts == (50, 55, 60)
    assert (made.networking.connect_timeout, made.networking.request_timeout) == (5, 60)
    assert (made.queueing.worker_limit, made.queueing.idle_timeout) == (None, 1.0)
    assert made.process.ultimate_exiting_timeout == 20


def test_settings_of_kopf_that_do_not_exist_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renamed setting must not be ignored in silence, as kopf would."""
    monkeypatch.setattr(startup, "values", lambda: {"watching.no_such_setting": 1})
    with pytest.raises(AttributeError, match="no_such_setting"):
        startup.settings()


def test_nothing_is_stored_in_objects() -> None:
    """Both storages know nothing and write nothing."""
    diff, progress = startup.NoDiffBase(), startup.NoProgress()
    patch = kopf.Patch()
    essence = kopf.BodyEssence({"spec": {"a": 1}})
    assert (diff.build(body=kopf.Body({})), diff.fetch(body=kopf.Body({}))) == ({}, None)
    diff.store(body=kopf.Body({}), patch=patch, essence=essence)
    assert progress.fetch(key="x", body=kopf.Body({})) is None
    progress.store(key="x", record={}, body=kopf.Body({}), patch=patch)
    progress.purge(key="x", body=kopf.Body({}), patch=patch)
    progress.touch(body=kopf.Body({}), patch=patch, value="x")
    assert progress.clear(essence=essence) == essence
    assert patch == {}


def test_back_offs_are_endless_and_start_anew() -> None:
    """Rising to ten seconds, a fifth more or less."""
    backoffs = startup.EndlessBackoffs()
    for _ in range(2):
        waits = list(itertools.islice(backoffs, 50))
        assert 0.4 <= waits[0] <= 0.6
        assert all(8 <= wait <= 12 for wait in waits[5:])
