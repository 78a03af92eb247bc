"""The https client: pinned addresses, checked redirects, translated failures."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import socket

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import PerennialError, Unavailable
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.client import Client


def get(access: Access, url: str) -> bytes:
    """Return the body of a URL."""
    with Client(access).stream(access.location(url)) as answer:
        return answer.read()


def refusal(access: Access, url: str) -> str:
    """Return the reason for which a URL gives nothing."""
    with pytest.raises(PerennialError) as caught:
        get(access, url)
    return caught.value.reason


def test_the_name_stays_in_host_and_handshake(site) -> None:
    """The connection goes to the address; certificate and virtual host fit the name."""
    site.page("/a", b"hello")
    assert get(site.access(authorization="Bearer t"), site.url("/a")) == b"hello"
    assert site.asked == [("/a", f"models.example:{site.port}", "Bearer t")]


def test_a_name_is_resolved_once_a_request(site) -> None:
    """A second answer of the name server has no effect on this connection."""
    site.page("/a", b"hello")
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    access = site.access()
    pinned = Access(
        access.allowed_hosts, allow_private_networks=True, resolve=lambda *_: next(answers)
    )
    assert get(pinned, site.url("/a")) == b"hello"


def test_a_private_address_is_refused_without_the_setting(site) -> None:
    """Nothing is asked."""
    site.page("/a", b"hello")
    assert refusal(site.access(is_private=False), site.url("/a")) == Reason.ADDRESS_REFUSED
    assert site.asked == []


def test_a_redirect_is_followed_to_the_same_host(site) -> None:
    """Each hop is resolved and checked anew; the header goes along."""
    site.page("/a", status=302, Location="/b?x=1")
    site.page("/b?x=1", status=307, Location=site.url("/c"))
    site.page("/c", b"hello")
    assert get(site.access(authorization="t"), site.url("/a")) == b"hello"
    assert [(path, header) for path, _, header in site.asked] == [
        ("/a", "t"),
        ("/b?x=1", "t"),
        ("/c", "t"),
    ]
    assert site.resolved == ["models.example"] * 3


def test_credentials_do_not_follow_to_another_host(site) -> None:
    """Even if it is allowed."""
    site.page("/a", status=302, Location=site.url("/b", "other.example"))
    site.page("/b", b"hello")
    first = site.access(authorization="t")
    both = Access(
        allowed_hosts=(
            *first.allowed_hosts,
            f"other.example:{site.port}",
        ),
        allow_private_networks=True,
        credentials=first.credentials,
        resolve=site.resolve,
    )
    assert get(both, site.url("/a")) == b"hello"
    assert [header for _, _, header in site.asked] == ["t", None]


@pytest.mark.parametrize(
    "target",
    [
        "https://other.example/b",
        "https://models.example/b",
        "http://models.example/b",
        "https://127.0.0.1/b",
        "https://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "s3://bucket/key",
        "https://user@models.example/b",
        "//other.example/b",
        "https://models.example\\@other.example/",
        "/b\\c",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_elsewhere_is_refused(site, target: str) -> None:
    """Other hosts, other ports, other schemes, and tricks."""
    site.page("/a", status=302, Location=target)
    assert refusal(site.access(), site.url("/a")) == Reason.REDIRECT_REFUSED
    assert len(site.asked) == 1


def test_a_redirect_to_a_rebound_name_is_refused(site) -> None:
    """The host is listed, but its address has become an inside one."""
    site.page("/a", status=302, Location="/b")
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    rebound = Access(
        site.access().allowed_hosts, allow_private_networks=True, resolve=lambda *_: next(answers)
    )
    assert refusal(rebound, site.url("/a")) == Reason.ADDRESS_REFUSED


def test_circles_end(site) -> None:
    """After five redirects."""
    site.page("/a", status=302, Location="/a")
    assert refusal(site.access(), site.url("/a")) == Reason.REDIRECT_REFUSED
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.ACCESS_DENIED),
        (403, Reason.ACCESS_DENIED),
        (404, Reason.NOT_FOUND),
        (410, Reason.NOT_FOUND),
        (418, Reason.NOT_FOUND),
        (204, Reason.NOT_FOUND),
        (408, Reason.SOURCE_UNAVAILABLE),
        (429, Reason.SOURCE_UNAVAILABLE),
        (500, Reason.SOURCE_UNAVAILABLE),
        (503, Reason.SOURCE_UNAVAILABLE),
    ],
)
def test_a_status_tells_whether_to_try_again(site, status: int, reason: Reason) -> None:
    """Some answers stay the same, others pass."""
    site.page("/a", status=status)
    with pytest.raises(PerennialError) as caught:
        get(site.access(), site.url("/a"))
    assert caught.value.reason == reason
    assert isinstance(caught.value, Unavailable) is (reason is Reason.SOURCE_UNAVAILABLE)


def test_a_foreign_certificate_is_not_trusted(site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without our authority the handshake fails."""
    monkeypatch.delenv("SSL_CERT_FILE")
    assert refusal(site.access(), site.url("/a")) == Reason.SOURCE_UNAVAILABLE
    assert site.asked == []


def test_a_closed_port_may_open_later(site) -> None:
    """A refused connection is worth another try."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        access = Access(
            allowed_hosts=(f"models.example:{port}",),
            allow_private_networks=True,
            resolve=site.resolve,
        )
        assert refusal(access, f"https://models.example:{port}/a") == Reason.SOURCE_UNAVAILABLE
