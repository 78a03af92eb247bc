"""Tests of the claims of ports and loopback addresses."""

import os
import socket
from pathlib import Path

import pytest

from perennial_sandbox import network
from perennial_sandbox.errors import RefusedError
from perennial_sandbox.network import Claim


def _take(folder: Path, directory: Path, wanted: Claim | None = None) -> Claim:
    """Claim four ports for a sandbox whose folder exists."""
    directory.mkdir(exist_ok=True)
    with network.claims(folder) as claims:
        return claims.take(directory, ports=4, wanted=wanted)


def test_two_sandboxes_share_neither_addresses_nor_ports(tmp_path: Path) -> None:
    """Each gets a block of its own and ports that the other does not have."""
    one = _take(tmp_path / "claims", tmp_path / "one")
    two = _take(tmp_path / "claims", tmp_path / "two")
    assert one.address_prefix != two.address_prefix
    assert len({*one.ports, *two.ports}) == 8


def test_ports_are_none_that_outgoing_connections_get(tmp_path: Path) -> None:
    """An outgoing connection can never sit on the port of a part that restarts."""
    claim = _take(tmp_path / "claims", tmp_path / "one")
    assert all(12000 <= port < 32000 for port in claim.ports)


def test_a_sandbox_that_comes_back_gets_what_it_had(tmp_path: Path) -> None:
    """Its kubeconfig stays right as long as nobody took its ports."""
    before = _take(tmp_path / "claims", tmp_path / "one")
    _take(tmp_path / "claims", tmp_path / "two")
    assert _take(tmp_path / "claims", tmp_path / "one", before) == before


def test_a_sandbox_whose_port_was_taken_gets_other_ports(tmp_path: Path) -> None:
    """A stranger who listens on a wanted port keeps it."""
    before = _take(tmp_path / "claims", tmp_path / "one")
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", before.ports[0]))
        stranger.listen()
        after = _take(tmp_path / "claims", tmp_path / "one", before)
    assert before.ports[0] not in after.ports


def test_a_block_in_which_somebody_listens_is_not_given(tmp_path: Path) -> None:
    """Sandboxes of other users are seen by their sockets."""
    first = _take(tmp_path / "claims", tmp_path / "one")
    with socket.socket() as stranger:
        stranger.bind((f"{first.address_prefix}.0.1", 0))
        stranger.listen()
        again = _take(tmp_path / "claims", tmp_path / "one", first)
    assert again.address_prefix != first.address_prefix


def test_claims_of_vanished_sandboxes_are_void(tmp_path: Path) -> None:
    """Whoever removes a folder by hand loses its claim, not a block for ever."""
    gone = _take(tmp_path / "claims", tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert _take(tmp_path / "claims", tmp_path / "next").address_prefix == gone.address_prefix


def test_the_last_release_leaves_no_file(tmp_path: Path) -> None:
    """Not even the folder of the claims stays."""
    folder = tmp_path / "claims"
    _take(folder, tmp_path / "one")
    with network.claims(folder) as claims:
        claims.release(tmp_path / "one")
    assert not folder.exists()


def test_when_all_blocks_are_claimed_it_says_what_to_do(tmp_path: Path) -> None:
    """There are 224 blocks; the next sandbox is refused in words."""
    folder = tmp_path / "claims"
    with network.claims(folder) as claims:
        for number in range(224):
            (tmp_path / str(number)).mkdir()
            wanted = Claim(f"127.{16 + number}", (1000, 1001))
            (folder / wanted.address_prefix).write_text(
                f'{{"directory": "{tmp_path / str(number)}", "ports": [1000]}}'
            )
        with pytest.raises(RefusedError, match="stop a sandbox"):
            claims.take(tmp_path / "next", ports=1)


def test_a_folder_of_another_user_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims in a shared place could lead this user's sandbox anywhere."""
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    with (
        pytest.raises(RefusedError, match="belongs to another user"),
        network.claims(tmp_path / "claims"),
    ):
        pass
