"""Headers: what matters is read, what is wrong is refused."""

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.web import heads
from perennial_serving.web.heads import Heads

HOST = (b"host", b"iris:8080")


def test_plain_headers_say_little() -> None:
    """A live request without wishes."""
    assert heads.read([HOST, (b"accept", b"*/*")]) == Heads(hosts=1)


def test_everything_of_interest_is_read() -> None:
    """Id, lane, deadline, length and kinds of the body."""
    assert heads.read(
        [
            HOST,
            (b"x-request-id", b"abc"),
            (b"x-perennial-lane", b"shadow"),
            (b"x-request-timeout-ms", b"2500"),
            (b"content-length", b"10"),
            (b"content-encoding", b" GZIP"),
            (b"content-type", b"application/json"),
            (b"inference-header-content-length", b"7"),
            (b"transfer-encoding", b"Chunked"),
        ]
    ) == Heads(
        request_id="abc",
        lane="shadow",
        timeout_seconds=2.5,
        length=10,
        encoding=b"gzip",
        media_type=b"application/json",
        is_binary=True,
        hosts=1,
        transfer=b"chunked",
    )


@pytest.mark.parametrize("order", [1, -1])
def test_the_shorter_time_out_counts(order: int) -> None:
    """Ours and Envoy's, in any order."""
    both = [(b"x-request-timeout-ms", b"300"), (b"x-envoy-expected-rq-timeout-ms", b"200")]
    assert heads.read(both[::order]).timeout_seconds == 0.2


@pytest.mark.parametrize("value", [b"0", b"-1", b"1.5", b"x", b"", b"9" * 10, "²".encode()])
def test_a_time_out_that_is_none_is_ignored(value: bytes) -> None:
    """The default holds."""
    assert heads.read([(b"x-request-timeout-ms", value)]).timeout_seconds is None


@pytest.mark.parametrize("value", [b"a" * 257, b"a\tb", b"\xff", b"a\x7f"])
def test_an_id_that_could_hurt_a_log_is_ignored(value: bytes) -> None:
    """A new one is made instead."""
    assert heads.read([(b"x-request-id", value)]).request_id == ""


@pytest.mark.parametrize(
    ("header", "lane"),
    [
        ((b"x-perennial-lane", b"live"), "live"),
        ((b"x-perennial-lane", b"other"), "live"),
        ((b"host", b"iris-shadow:8080"), "shadow"),
        ((b"host", b"iris-shadow"), "shadow"),
        ((b"host", b"shadow"), "live"),
    ],
)
def test_a_mirrored_copy_is_known_by_its_mark(header: tuple[bytes, bytes], lane: str) -> None:
    """The router's header, or what Envoy appends to the host."""
    assert heads.read([header]).lane == lane


@pytest.mark.parametrize(
    ("headers", "version", "reason"),
    [
        ([HOST], "2.0", Reason.VERSION_UNSUPPORTED),
        ([HOST], "0.9", Reason.VERSION_UNSUPPORTED),
        ([], "1.1", Reason.FRAMING_INVALID),
        ([HOST, HOST], "1.1", Reason.FRAMING_INVALID),
        ([HOST, HOST], "1.0", Reason.FRAMING_INVALID),
        ([HOST, (b"transfer-encoding", b"gzip, chunked")], "1.1", Reason.FRAMING_INVALID),
        ([HOST, (b"transfer-encoding", b"gzip")], "1.1", Reason.FRAMING_INVALID),
        ([HOST, (b"transfer-encoding", b"chunked")] * 1 + [(b"transfer-encoding", b"x")], "1.1",
         Reason.FRAMING_INVALID),
    ],
)  # fmt: skip
def test_odd_framing_is_refused(
    headers: list[tuple[bytes, bytes]], version: str, reason: Reason
) -> None:
    """What the parser lets pass and another server might read differently."""
    with pytest.raises(Invalid) as caught:
        heads.check_framing(heads.read(headers), version)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([HOST], "1.1"),
        ([HOST], "1.0"),
        ([], "1.0"),
        ([HOST, (b"transfer-encoding", b"chunked")], "1.1"),
    ],
)
def test_plain_framing_passes(headers: list[tuple[bytes, bytes]], version: str) -> None:
    """HTTP/1.0 needs no host."""
    heads.check_framing(heads.read(headers), version)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ((b"content-encoding", b"gzip"), Reason.ENCODING_UNSUPPORTED),
        ((b"content-encoding", b"br"), Reason.ENCODING_UNSUPPORTED),
        ((b"content-encoding", b"gzip, deflate"), Reason.ENCODING_UNSUPPORTED),
        ((b"inference-header-content-length", b"7"), Reason.MEDIA_TYPE_UNSUPPORTED),
        ((b"content-type", b"multipart/form-data; boundary=x"), Reason.MEDIA_TYPE_UNSUPPORTED),
        ((b"content-type", b"Application/X-WWW-form-urlencoded"), Reason.MEDIA_TYPE_UNSUPPORTED),
    ],
)
def test_a_body_of_another_kind_is_refused(header: tuple[bytes, bytes], reason: Reason) -> None:
    """Compressed, binary, or a form."""
    with pytest.raises(Invalid) as caught:
        heads.check_media(heads.read([header]))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "value", [b"", b"application/json", b"text/plain", b"application/octet-stream"]
)
def test_a_content_type_is_never_required(value: bytes) -> None:
    """Common clients send none."""
    heads.check_media(heads.read([(b"content-type", value), (b"content-encoding", b"identity")]))
