"""Each answer of the API server becomes one error with one meaning."""

import json

import pytest

from perennial_operator.api import reasons
from perennial_operator.cluster.answers import (
    Answer,
    Exists,
    Expired,
    Gone,
    Stale,
    Unexpected,
    error,
)
from perennial_operator.errors import Invalid, Unavailable


@pytest.mark.parametrize("code", [401, 408, 429, 500, 502, 503, 504])
def test_what_passes_is_unavailable(code: int) -> None:
    """A server that cannot answer now is asked again."""
    assert isinstance(error(Answer(code, "later")), Unavailable)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            Answer(500, "failed to create typed patch object (x): .a: field not declared"),
            Unexpected,
        ),
        (Answer(400, "strict decoding error"), Unexpected),
        (Answer(403, "namespace x is being terminated"), Gone),
        (Answer(404, 'namespaces "x" not found'), Gone),
        (Answer(409, "the object has been modified", "Conflict"), Stale),
        (Answer(409, "uid mismatch: no existing object was found", "Conflict"), Stale),
        (Answer(409, 'configmaps "x" already exists', "AlreadyExists"), Exists),
        (Answer(410, "too old resource version"), Expired),
        (Answer(422, "spec.template: field is immutable"), Unexpected),
        (Answer(422, "status.x: Invalid value", is_status_write=True), Unexpected),
    ],
)
def test_each_refusal_has_one_meaning(answer: Answer, kind: type[Exception]) -> None:
    """The table of answers, row by row."""
    assert type(error(answer)) is kind


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(409, "Apply failed with 1 conflict: .spec.x"), reasons.FIELD_CONFLICT),
        (Answer(422, "spec.containers[0].image: Required value"), reasons.CHILD_REJECTED),
    ],
)
def test_what_a_person_must_change_is_invalid(answer: Answer, reason: str) -> None:
    """The message of the server is kept: it names the manager or the field."""
    found = error(answer)
    assert isinstance(found, Invalid)
    assert found.reason == reason
    assert answer.message in found.message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("cannot create resource", reasons.FORBIDDEN),
        ("exceeded quota: pods=10", reasons.QUOTA_EXCEEDED),
    ],
)
def test_missing_rights_and_quota_are_told_apart(message: str, reason: str) -> None:
    """Both are asked again, but shown with different words."""
    found = error(Answer(403, message))
    assert isinstance(found, Unavailable)
    assert found.reason == reason


def test_a_status_document_is_read() -> None:
    """Message, reason and the wish to be left alone come from the response."""
    body = json.dumps({"message": "slow down", "reason": "TooManyRequests"}).encode()
    answer = Answer.parse(429, body, retry_after="7")
    assert answer == Answer(429, "slow down", "TooManyRequests", 7.0)
    found = error(answer)
    assert isinstance(found, Unavailable)
    assert found.retry_after_seconds == 7.0


@pytest.mark.parametrize("body", [b"gateway says no", b"[]", b'{"kind": "Status"}', b"\xff"])
def test_a_body_that_is_no_status_is_its_own_text(body: bytes) -> None:
    """Whatever stands between us and the server may answer, too."""
    answer = Answer.parse(502, body, retry_after="soon")
    assert (answer.message, answer.retry_after_seconds) == (body.decode(errors="replace"), None)
