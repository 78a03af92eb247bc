"""Access: parsed, listed, resolved once, judged."""

import socket
from pathlib import Path

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, Unavailable
from perennial_serving.fetch.access import Access, read_credentials, resolve


def access(*addresses: str, is_private: bool = False) -> Access:
    """Return a guard whose resolver answers these addresses."""
    return Access(
        allowed_hosts=("models.example",),
        allow_private_networks=is_private,
        credentials={"AWS_SECRET_ACCESS_KEY": "hush"},
        resolve=lambda _host, _port: list(addresses),
    )


@pytest.mark.parametrize("uri", ["ftp://models.example/a", "https://other.example/a"])
def test_only_good_urls_of_listed_hosts_pass(uri: str) -> None:
    """Form first, then the list."""
    with pytest.raises(Invalid) as caught:
        access().location(uri)
    assert caught.value.reason == Reason.URI_REFUSED


@pytest.mark.parametrize(
    ("addresses", "is_private", "is_open"),
    [
        (("8.8.8.8",), False, True),
        (("10.0.0.1",), False, False),
        (("10.0.0.1",), True, True),
        (("8.8.8.8", "10.0.0.1"), False, False),
        (("8.8.8.8", "169.254.169.254"), True, False),
    ],
)
def test_all_addresses_of_a_name_must_be_open(
    addresses: tuple[str, ...], *, is_private: bool, is_open: bool
) -> None:
    """One bad address among good ones is how names are rebound."""
    guard = access(*addresses, is_private=is_private)
    location = guard.location("https://models.example/a")
    if is_open:
        assert guard.address(location) == addresses[0]
        return
    with pytest.raises(Invalid) as caught:
        guard.address(location)
    assert caught.value.reason == Reason.ADDRESS_REFUSED


def test_credentials_never_show() -> None:
    """Not in a log line of the guard."""
    assert "hush" not in repr(access())


def test_known_keys_of_a_mounted_secret_are_read(tmp_path: Path) -> None:
    """Others are not; without a mount there are none."""
    (tmp_path / "AWS_REGION").write_text("eu-west-1\n")
    (tmp_path / "PASSWORD").write_text("x")
    assert read_credentials(tmp_path) == {"AWS_REGION": "eu-west-1"}
    assert read_credentials(tmp_path / "nothing") == {}


def test_addresses_resolve_to_themselves() -> None:
    """Without asking anybody."""
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]


def test_an_unknown_name_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name servers fail for a while."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unavailable):
        resolve("models.example", 443)
