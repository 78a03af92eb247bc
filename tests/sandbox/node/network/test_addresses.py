"""Tests of the Pods' addresses."""

from pathlib import Path

from perennial_sandbox.node.network.addresses import Addresses


def folder(parent: Path, name: str, address: str | None = None) -> Path:
    """Make a Pod's folder, with an address from an earlier life if one is given."""
    made = parent / name
    made.mkdir()
    if address is not None:
        (made / "address").write_text(address)
    return made


def test_every_pod_has_an_address_of_its_own(tmp_path: Path) -> None:
    """It stays the same however often one asks."""
    addresses = Addresses("127.17", [])
    pods = [folder(tmp_path, name) for name in "abc"]
    found = [addresses.take(pod) for pod in (*pods, *pods)]
    assert found == ["127.17.0.1", "127.17.0.2", "127.17.0.3"] * 2


def test_addresses_survive_a_restart(tmp_path: Path) -> None:
    """New ones follow after the highest known one; a damaged note counts as none."""
    old, broken = folder(tmp_path, "a", "127.17.0.9"), folder(tmp_path, "b", "nonsense")
    addresses = Addresses("127.17", [old, broken])
    assert [addresses.take(old), addresses.take(broken)] == ["127.17.0.9", "127.17.0.10"]


def test_a_freed_address_is_not_reused_soon(tmp_path: Path) -> None:
    """Clients may still have connections to it in mind."""
    addresses = Addresses("127.17", [])
    first, second = folder(tmp_path, "a"), folder(tmp_path, "b")
    addresses.take(first)
    addresses.give_back(first)
    assert addresses.take(second) == "127.17.0.2"


def test_numbers_that_look_like_networks_are_left_out(tmp_path: Path) -> None:
    """After 254 follows the next network's 1."""
    addresses = Addresses("127.17", [folder(tmp_path, "a", "127.17.0.254")])
    assert addresses.take(folder(tmp_path, "b")) == "127.17.1.1"


def test_after_the_last_address_the_first_free_one_follows(tmp_path: Path) -> None:
    """Addresses of other networks do not matter."""
    old = [folder(tmp_path, "a", "127.17.255.254"), folder(tmp_path, "b", "127.17.0.1")]
    foreign = folder(tmp_path, "c", "127.99.0.2")
    addresses = Addresses("127.17", [*old, foreign])
    assert addresses.take(folder(tmp_path, "d")) == "127.17.0.2"
