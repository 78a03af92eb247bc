"""The headers that matter to a request, read once; and the framing that no parser refuses. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from perennial_serving.codec.decode import ID_LIMIT
from perennial_serving.contract.metrics import LANE_HEADER, LANE_LIVE, LANE_SHADOW
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

_TIMEOUTS = (b"x-request-timeout-ms", b"x-envoy-expected-rq-timeout-ms")
_LANE = LANE_HEADER.encode()
_VERSIONS = ("1.0", "1.1")
_DIGITS_LIMIT = 9


@dataclass(slots=True)
class Heads:
    """What the headers of a request say."""

    request_id: str = ""
    lane: str = LANE_LIVE
    timeout_seconds: float | None = None
    length: int | None = None
    encoding: bytes = b""
    media_type: bytes = b""
    is_binary: bool = False
    hosts: int = 0
    transfer: bytes = b""


def read(headers: Iterable[tuple[bytes, bytes]]) -> Heads:
    """Return the interesting headers of a request."""
    heads = Heads()
    for name, value in headers:
        if name == b"host":
            heads.hosts += 1
            if value.partition(b":")[0].endswith(b"-shadow"):
                heads.lane = LANE_SHADOW
        elif name == b"content-length":
            heads.length = int(value)  # the parser let only digits pass
        elif name in _READERS:
            _READERS[name](heads, value)
    return heads


def check_framing(heads: Heads, http_version: str) -> None:
    """Refuse what the parser lets pass: odd codings, a missing or second host, odd versions."""
    if http_version not in _VERSIONS:
        raise Invalid(Reason.VERSION_UNSUPPORTED, "speak HTTP/1.1")
    if heads.transfer not in {b"", b"chunked"}:
        raise Invalid(Reason.FRAMING_INVALID, "only Transfer-Encoding: chunked is known")
    if heads.hosts != 1 and not (heads.hosts == 0 and http_version == "1.0"):
        raise Invalid(Reason.FRAMING_INVALID, "send exactly one Host header")


def check_media(heads: Heads) -> None:
    """Refuse bodies that are not plain JSON; a missing content type is fine."""
    if heads.encoding not in {b"", b"identity"}:
        raise Invalid(Reason.ENCODING_UNSUPPORTED, "send the body without Content-Encoding")
    if heads.is_binary:
        message = "send tensors as JSON, without Inference-Header-Content-Length"
        raise Invalid(Reason.MEDIA_TYPE_UNSUPPORTED, message)
    kind = heads.media_type.partition(b";")[0].strip().lower()
    if kind.startswith(b"multipart/") or kind == b"application/x-www-form-urlencoded":
        raise Invalid(Reason.MEDIA_TYPE_UNSUPPORTED, "send Content-Type: application/json")


def _request_id(heads: Heads, value: bytes) -> None:
    text = value.decode("latin-1")
    if len(text) <= ID_LIMIT and text.isascii() and text.isprintable():
        heads.request_id = text


def _timeout(heads: Heads, value: bytes) -> None:
    if value.isdigit() and len(value) <= _DIGITS_LIMIT and int(value):
        seconds = int(value) / 1000
        heads.timeout_seconds = min(seconds, heads.timeout_seconds or seconds)


def _lane(heads: Heads, value: bytes) -> None:
    if value == LANE_SHADOW.encode():
        heads.lane = LANE_SHADOW


def _encoding(heads: Heads, value: bytes) -> None:
    heads.encoding = value.strip().lower()


def _media_type(heads: Heads, value: bytes) -> None:
    heads.media_type = value


def _binary(heads: Heads, _value: bytes) -> None:
    heads.is_binary = True


def _transfer(heads: Heads, value: bytes) -> None:
    heads.transfer = b",".join(filter(None, (heads.transfer, value.strip().lower())))


_READERS = {
    b"x-request-id": _request_id,
    **dict.fromkeys(_TIMEOUTS, _timeout),
    _LANE: _lane,
    b"content-encoding": _encoding,
    b"content-type": _media_type,
    b"inference-header-content-length": _binary,
    b"transfer-encoding": _transfer,
}
