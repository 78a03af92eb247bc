"""S3: the endpoint is a URL like any other, failures are told apart."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, PerennialError, Unavailable
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.store import open_store


def access(endpoint: str, *hosts: str, address: str = "127.0.0.1") -> Access:
    """Return a guard with an endpoint in its credentials."""
    return Access(
        allowed_hosts=hosts,
        allow_private_networks=True,
        credentials={"AWS_ENDPOINT_URL": endpoint},
        resolve=lambda _host, _port: [address],
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://store.example:9000",
        "http://store.example",
        "https://user@store.example",
        "https://store.example/path",
        "https://store.example?x",
        "file:///etc",
        "s3://bucket/key",
        "store.example",
    ],
)
def test_an_endpoint_is_guarded_like_any_url(endpoint: str) -> None:
    """Scheme, host, port and form."""
    with pytest.raises(Invalid) as caught:
        open_store("s3://bucket/key", access(endpoint, "store.example"))
    assert caught.value.reason == Reason.URI_REFUSED


def test_an_endpoint_inside_is_refused() -> None:
    """Its name is listed, its address is the metadata service."""
    inside = access("https://store.example", "store.example", address="169.254.169.254")
    with pytest.raises(Invalid) as caught:
        open_store("s3://bucket/key", inside)
    assert caught.value.reason == Reason.ADDRESS_REFUSED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.ACCESS_DENIED),
        (403, Reason.ACCESS_DENIED),
        (404, Reason.NOT_FOUND),
        (500, Reason.SOURCE_UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("path", ["/bucket?list-type=2&prefix=key%2F", "/bucket/key/x"])
def test_a_status_tells_whether_to_try_again(
    site, path: str, *, status: int, reason: Reason
) -> None:
    """Of a listing and of an object, over TLS with the deployer's own authority."""
    site.page(path, status=status)
    guard = Access(
        allowed_hosts=(site.url("", "localhost"),),
        allow_private_networks=True,
        credentials={"AWS_ENDPOINT_URL": site.url("", "localhost")},
        resolve=site.resolve,
    )
    store = open_store("s3://bucket/key", guard)
    with pytest.raises(PerennialError) as caught:
        store.entries() if "list" in path else list(store.chunks("x"))
    assert caught.value.reason == reason


def test_a_silent_store_may_answer_later() -> None:
    """Nobody listens: worth another try."""
    closed = access("http://127.0.0.1:9", "http://127.0.0.1:9")
    with pytest.raises(Unavailable) as caught:
        open_store("s3://bucket/key", closed).entries()
    assert caught.value.reason == Reason.SOURCE_UNAVAILABLE


@pytest.mark.e2e
def test_a_missing_bucket_is_not_found(object_store) -> None:
    """Set another URI."""
    guard = Access(
        allowed_hosts=(object_store.endpoint,),
        allow_private_networks=True,
        credentials=object_store.credentials(),
    )
    with pytest.raises(Invalid) as caught:
        open_store("s3://no-such-bucket/key", guard).entries()
    assert caught.value.reason == Reason.NOT_FOUND
