"""Tests of the sandbox's description."""

from pathlib import Path

import pytest

from perennial_sandbox.control_plane import record
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.record import Ports, Record
from perennial_sandbox.errors import RefusedError

_RECORD = Record(
    programs=Path("/programs"),
    python=Path("/bin/python"),
    address_prefix="127.16",
    ports=Ports(etcd=1, etcd_peer=2, api=3, kubelet=4),
    with_node=True,
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """The description survives the processes that made it."""
    record.write(Layout(tmp_path), _RECORD)
    assert record.read(Layout(tmp_path)) == _RECORD
    assert _RECORD.server == "https://127.0.0.1:3"


def test_a_folder_without_a_description_is_no_sandbox(tmp_path: Path) -> None:
    """Neither is a path that leads through a file."""
    (tmp_path / "file").touch()
    assert record.read(Layout(tmp_path)) is None
    assert record.read(Layout(tmp_path / "absent")) is None
    assert record.read(Layout(tmp_path / "file")) is None


def test_a_damaged_description_says_what_to_remove(tmp_path: Path) -> None:
    """Nobody writes it but us, in one step; whoever edited it is told the way out."""
    Layout(tmp_path).record.write_text("{")
    with pytest.raises(RefusedError, match=f"remove the folder {tmp_path}"):
        record.read(Layout(tmp_path))


def test_a_file_is_private_and_says_whether_it_changed(tmp_path: Path) -> None:
    """Tokens and keys are written this way; the same content again is no news."""
    file = tmp_path / "secret"
    news = [record.put(file, text) for text in ("one", "one", "two")]
    assert news == [True, False, True]
    assert file.read_text() == "two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
