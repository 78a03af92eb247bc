"""A termination message says the same to the operator as it was told, and always fits."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_serving.contract import results
from perennial_serving.contract.results import (
    MESSAGE_LIMIT_BYTES,
    CheckPayload,
    ColumnCounts,
    ComparePayload,
    HarvestPayload,
    MetricResult,
    Outcome,
    Reason,
    Result,
)

RESULT = Result(Outcome.INVALID, Reason.NOT_FOUND, "set spec.model.uri", step="check", seconds=1.5)
CHECK = CheckPayload(
    uri="s3://b/rows",
    version="v",
    digest="sha256:d",
    digest_kind="Content",
    train_rows=80,
    holdout_rows=20,
    holdout_digest="sha256:h",
    schema_hash="sha256:s",
    features=("age", "city"),
    missing=("income",),
    retyped=("age",),
    extra=("city",),
    duplicates=1,
    unlabeled=2,
    columns=(ColumnCounts("age", "number", 80, 3), ColumnCounts("city", "text", 80, 0)),
    champion_nulls={"age": 0.01},
    train_digest="sha256:t",
    untimed=4,
)
HARVEST = HarvestPayload("sha256:d", "s3://b/models/sha256/d", "onnx", 123, "why")
METRIC = MetricResult(
    name="accuracy",
    direction="Maximize",
    challenger=0.9,
    champion=None,
    difference=None,
    lower=None,
    upper=None,
    tau=-0.01,
    p_pass=None,
    p_fail=0.5,
    floor=0.8,
    floor_p_pass=0.01,
    floor_p_fail=0.99,
    note="no champion",
)
COMPARE = ComparePayload("sha256:c", "", 500, 500, 0.05, (METRIC,), "file:///e", "sha256:e")


def through_a_message(payload: dict) -> dict:
    """Return the payload as the operator reads it."""
    return results.parse(replace(RESULT, payload=payload).encode()).payload


def test_a_result_comes_back_as_written() -> None:
    """All fields, also those of a fetched artifact."""
    result = replace(RESULT, digest="sha256:d", size_bytes=7, payload={"x": [1, None]})
    assert results.parse(result.encode()) == result


def test_each_payload_comes_back_as_its_own_class() -> None:
    """Lists become tuples again, nested values their classes."""
    assert results.check_payload(through_a_message(results.as_payload(CHECK))) == CHECK
    assert results.harvest_payload(through_a_message(results.as_payload(HARVEST))) == HARVEST
    assert results.compare_payload(through_a_message(results.as_payload(COMPARE))) == COMPARE


def test_a_message_of_an_older_step_is_read() -> None:
    """Fields that came later have defaults."""
    payload = results.as_payload(CHECK)
    del payload["train_digest"], payload["untimed"]
    assert results.check_payload(payload) == replace(CHECK, train_digest="", untimed=0)


@pytest.mark.parametrize(
    ("read", "payload"),
    [
        (results.check_payload, {}),
        (results.check_payload, {**results.as_payload(CHECK), "columns": [{"name": "x"}]}),
        (results.harvest_payload, {"digest": "d"}),
        (results.compare_payload, {}),
        (results.compare_payload, {**results.as_payload(COMPARE), "metrics": [{}]}),
    ],
)
def test_another_payload_is_refused(read: object, payload: dict) -> None:
    """A step of another version, or another step, is not half understood."""
    with pytest.raises((KeyError, TypeError)):
        read(payload)


@given(st.text(max_size=9000))
def test_a_message_always_fits(message: str) -> None:
    """Only the free text is shortened; what machines read stays."""
    text = replace(RESULT, message=message).encode()
    assert len(text.encode()) <= MESSAGE_LIMIT_BYTES
    read = results.parse(text)
    assert replace(read, message="") == replace(RESULT, message="")
    assert message.startswith(read.message)


def test_a_payload_is_never_cut() -> None:
    """Who fills it keeps it small: half a document would be none."""
    result = replace(RESULT, payload={"x": "y" * 5000}, message="long" * 100)
    read = results.parse(result.encode())
    assert (read.payload, read.message) == ({"x": "y" * 5000}, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Killed",
        "null",
        "[]",
        "1",
        "{}",
        '{"v": 2}',
        json.dumps({**json.loads(RESULT.encode()), "v": 2}),
        json.dumps({**json.loads(RESULT.encode()), "class": "Odd"}),
        json.dumps({**json.loads(RESULT.encode()), "bytes": "many"}),
        json.dumps({**json.loads(RESULT.encode()), "payload": 7}),
        RESULT.encode()[:-1],
        "[" * 100_000,
    ],
)
def test_what_is_no_message_of_ours_is_none(text: str) -> None:
    """Logs, other programs' words, cut and foreign documents are never guessed at."""
    assert results.parse(text) is None


def test_every_outcome_has_an_exit_code_of_its_own() -> None:
    """0 is success and nothing else is."""
    assert set(results.EXIT_CODES) == set(Outcome)
    assert len(set(results.EXIT_CODES.values())) == len(Outcome)
    assert [code for code in results.EXIT_CODES.values() if code == 0] == [
        results.EXIT_CODES[Outcome.OK]
    ]


def test_reasons_are_words_of_kubernetes() -> None:
    """They may stand in a condition: CamelCase, each once."""
    values = [reason.value for reason in Reason]
    assert len(set(values)) == len(values)
    assert all(value.isalnum() and value[0].isupper() for value in values)
