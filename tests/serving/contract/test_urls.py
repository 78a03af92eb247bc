"""The URL guard, over a corpus of tricks: one canonical form, listed hosts, judged addresses."""

import doctest
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_serving.contract import urls
from perennial_serving.contract.results import Reason
from perennial_serving.contract.urls import Location, Refusal

GOOD = {
    "https://models.example/a/b.onnx": ("https", "models.example", 443, "/a/b.onnx", ""),
    "https://MODELS.example/": ("https", "models.example", 443, "/", ""),
    "https://models.example": ("https", "models.example", 443, "/", ""),
    "https://models.example:8443/a?x=1&y=%20": ("https", "models.example", 8443, "/a", "x=1&y=%20"),
    "http://10.0.0.1:9000": ("http", "10.0.0.1", 9000, "/", ""),
    "https://[2606:4700::1111]:8443/a": ("https", "2606:4700::1111", 8443, "/a", ""),
    "https://models.example/a%20b": ("https", "models.example", 443, "/a%20b", ""),
    "https://models.example/user@v1/x": ("https", "models.example", 443, "/user@v1/x", ""),
    "s3://bucket/models/iris/": ("s3", "bucket", 0, "/models/iris/", ""),
    "s3://my.bucket-1/x": ("s3", "my.bucket-1", 0, "/x", ""),
    "file:///models/iris": ("file", "", 0, "/models/iris", ""),
}

REFUSED = [
    "",
    "models.example/a",
    "//models.example/a",
    "ftp://models.example/a",
    "gopher://models.example/a",
    "HTTPS://models.example/a",
    "https:/models.example/a",
    "https:models.example/a",
    "https:///a",
    "https://?x",
    "https://user@models.example/a",
    "https://user:pass@models.example/a",
    "https://models.example@evil.example/a",
    "https://models.example%40evil.example/a",
    "https://models.example\\@evil.example/a",
    "https://evil.example\\.models.example/a",
    "https:\\\\models.example/a",
    "https://models.example/a\\b",
    "https://models.example/a b",
    "https://models.example/a\tb",
    "https://models.example/a\r\nHost: evil",
    "https://models.example\n/a",
    " https://models.example/a",
    "https://models.example/a\x00",
    "https://models.example/\u00e4",
    "https://m\u00f6dels.example/a",
    "https://models\uff0eexample/a",
    "https://models.example/a#fragment",
    "https://models.example#@evil.example/",
    "https://models.example:443/a",
    "http://models.example:80/a",
    "https://models.example:/a",
    "https://models.example:0/a",
    "https://models.example:65536/a",
    "https://models.example:080/a",
    "https://models.example:+80/a",
    "https://models.example:80:90/a",
    "https://models.example:x/a",
    "https://models.example./a",
    "https://.models.example/a",
    "https://models..example/a",
    "https://-models.example/a",
    "https://models_x.example/a",
    "https://*.example/a",
    "https://" + "a." * 130 + "example/a",
    "https://" + "a" * 64 + ".example/a",
    "https://127.1/a",
    "https://2130706433/a",
    "https://0x7f000001/a",
    "https://0x7f.0.0.1/a",
    "https://0177.0.0.1/a",
    "https://127.0.0.1.1/a",
    "https://256.1.1.1/a",
    "https://[::1/a",
    "https://::1]/a",
    "https://::1/a",
    "https://[::ffff:127.0.0.1]/a",
    "https://[0:0:0:0:0:0:0:1]/a",
    "https://[fe80::1%25eth0]/a",
    "https://[::1]x/a",
    "https://models.example/../a",
    "https://models.example/a/./b",
    "https://models.example/a//b",
    "https://models.example/%2e%2e/a",
    "https://models.example/%252e%252e/a",
    "https://models.example/%25252e%25252e/a",
    "https://models.example/a%2fb",
    "https://models.example/a%5cb",
    "https://models.example/a%00b",
    "https://models.example/a%0d%0ab",
    "https://models.example/a%",
    "https://models.example/a%zz",
    "https://models.example/" + "a" * 2048,
    "s3://Bucket/key",
    "s3://b/key",
    "s3://bucket",
    "s3://bucket/",
    "s3://bucket:9000/key",
    "s3://buc..ket/key",
    "s3://bucket/a/../b",
    "s3://bucket/a%2fb",
    "s3://bucket/key?versionId=1",
    "file://host/a",
    "file://localhost/a",
    "file://",
    "file:///",
    "file:///a/../b",
    "file:///a/%2e%2e/b",
    "file:///a?b",
]


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(urls).failed == 0


@pytest.mark.parametrize("uri", GOOD)
def test_a_plain_url_is_taken_apart(uri: str) -> None:
    """Scheme, host, port, path and query come back in canonical form."""
    assert urls.parse(uri) == Location(*GOOD[uri])


@pytest.mark.parametrize("uri", REFUSED)
def test_a_trick_is_refused_with_what_to_write(uri: str) -> None:
    """No refusal repeats the URL: it may hold a secret."""
    refusal = urls.parse(uri)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == Reason.URI_REFUSED
    assert refusal.message.startswith("write ")


def test_the_corpus_is_large_enough() -> None:
    """Single cases prove nothing about parsers."""
    assert len(set(REFUSED)) >= 60


@given(st.text(alphabet="htps:/@\\.%2ef#?[]0x7 amodels", max_size=40).map("https://".__add__))
def test_no_other_parser_reads_an_accepted_url_differently(uri: str) -> None:
    """The standard library and httpx see the same host and port in what we accept."""
    location = urls.parse(uri)
    if isinstance(location, Location):
        other, third = urlsplit(uri), httpx.URL(uri)
        port = location.port
        assert (other.hostname, other.port or 443) == (location.host, port)
        assert (third.host, third.port or 443) == (location.host, port)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(uri: str) -> None:
    """The parser is total."""
    assert isinstance(urls.parse(uri), Location | Refusal)


def located(uri: str) -> Location:
    """Return the parsed URL."""
    location = urls.parse(uri)
    assert isinstance(location, Location)
    return location


@pytest.mark.parametrize(
    ("uri", "hosts", "is_allowed"),
    [
        ("https://models.example/a", ["models.example"], True),
        ("https://models.example/a", ["Models.Example"], True),
        ("https://models.example/a", ["https://models.example"], True),
        ("https://models.example/a", [], False),
        ("https://models.example/a", ["example"], False),
        ("https://models.example/a", ["http://models.example"], False),
        ("https://models.example:8443/a", ["models.example"], False),
        ("https://models.example:8443/a", ["models.example:8443"], True),
        ("http://models.example/a", ["models.example"], False),
        ("http://models.example/a", ["http://models.example"], True),
        ("http://models.example:9000/a", ["http://models.example"], False),
        ("http://models.example:9000/a", ["http://models.example:9000"], True),
        ("https://[::1]:9000/a", ["[::1]:9000"], True),
        ("https://evil.example/models.example", ["models.example"], False),
        ("s3://bucket/a", [], True),
        ("file:///a", [], True),
    ],
)
def test_only_listed_hosts_are_opened(uri: str, hosts: list[str], *, is_allowed: bool) -> None:
    """Odd ports and plain http are listed of their own; buckets and files have no host."""
    assert (urls.check_host(located(uri), hosts) is None) is is_allowed


PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("::1", "fd00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
    *("::10.0.0.1", "198.18.0.1", "192.0.2.1"),
]
NEVER = [
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "100.100.100.200"),
    *("fd00:ec2::254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
    *("::ffff:100.100.100.200", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254"),
    *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "", "localhost"),  # noqa: S104  # to be refused
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_open(address: str) -> None:
    """Also when wrapped in IPv6."""
    assert urls.check_address(address, allow_private=False) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_setting(address: str) -> None:
    """Loopback and private networks, in every disguise."""
    refusal = urls.check_address(address, allow_private=False)
    assert refusal is not None
    assert refusal.reason == Reason.ADDRESS_REFUSED
    assert urls.check_address(address, allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_open(address: str) -> None:
    """Metadata, link-local, multicast, unspecified and reserved ones, in every disguise."""
    assert urls.check_address(address, allow_private=False) is not None
    assert urls.check_address(address, allow_private=True) is not None


def test_an_origin_is_what_a_host_header_holds() -> None:
    """Default ports are left out, IPv6 has brackets."""
    assert located("https://[::1]:9000/a").origin == "https://[::1]:9000"
    assert located("https://a.example/b").origin == "https://a.example"
    assert located("s3://bucket/b").origin == "s3://bucket"
