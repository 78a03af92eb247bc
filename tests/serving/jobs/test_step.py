"""A step's document is checked, its credentials are those of its purpose, its places fixed."""

import doctest
from pathlib import Path

import msgspec
import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs import step
from perennial_serving.jobs.step import Roles, Workplace


class Example(msgspec.Struct, frozen=True, rename="camel"):
    """A document of two fields."""

    run_id: str
    max_rows: int = 5


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(step).failed == 0


def test_a_document_may_hold_more_than_a_step_reads() -> None:
    """A newer operator adds keys; an older step goes on."""
    assert step.document('{"runId":"r","new":[1]}', Example) == Example("r")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runId":1}', "{}", "[" * 100_000])
def test_another_document_is_an_error_of_the_settings(text: str) -> None:
    """The step says so instead of guessing."""
    with pytest.raises(Invalid, match="PERENNIAL_STEP") as caught:
        step.document(text, Example)
    assert caught.value.reason == Reason.SETTINGS_INVALID


def test_each_purpose_has_its_own_credentials(tmp_path: Path) -> None:
    """A model without own credentials lies in the output; a purpose without any has none."""
    for purpose in ("data", "output"):
        (tmp_path / purpose).mkdir()
        (tmp_path / purpose / "AWS_ACCESS_KEY_ID").write_text(f"{purpose}\n")
    place = Workplace(credentials=tmp_path, allowed_hosts=("x",), allow_private_networks=True)
    assert place.access("data").credentials == {"AWS_ACCESS_KEY_ID": "data"}
    assert place.access("model").credentials == {"AWS_ACCESS_KEY_ID": "output"}
    (tmp_path / "model").mkdir()
    assert place.access("model").credentials == {}
    assert (place.access("data").allowed_hosts, place.access("data").allow_private_networks) == (
        ("x",),
        True,
    )


def test_files_are_read_written_and_missed(tmp_path: Path) -> None:
    """A file that is not there is None to `find`, an error to `read`; too large is always one."""
    store = Workplace().store(f"file://{tmp_path}/run")
    step.write(store, "a/b.json", b'{"x": 1}')
    assert step.read(store, "a/b.json") == step.find(store, "a/b.json") == b'{"x": 1}'
    assert step.find(store, "other.json") is None
    with pytest.raises(Invalid) as caught:
        step.read(store, "other.json")
    assert caught.value.reason == Reason.NOT_FOUND
    with pytest.raises(Invalid) as caught:
        step.find(store, "a/b.json", limit_bytes=3)
    assert caught.value.reason == Reason.TOO_LARGE


@pytest.mark.parametrize("data", [None, b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_of_ours_is_an_empty_one(data: bytes | None) -> None:
    """Facts that a foreign artifact does not state are not there."""
    assert step.parsed(data) == {}
    assert step.parsed(b'{"nullRates": {}}') == {"nullRates": {}}


def test_features_are_the_columns_without_a_role() -> None:
    """In the order of the file."""
    roles = Roles(label="y", time="at", id="key")
    assert roles.features(["a", "at", "y", "b", "key"]) == ("a", "b")
    assert roles.names() == ("y", "at", "", "key", "")


def test_places_are_below_the_output() -> None:
    """With or without a slash at its end."""
    assert step.run_place("s3://b/out/", "r") == "s3://b/out/runs/r"
    assert step.model_place("s3://b/out", "sha256:ab") == "s3://b/out/models/sha256/ab"
