"""A source's files are read in order, capped, and pinned by their content."""

import hashlib

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.place import Entry
from perennial_serving.jobs.data import sources, tables

ONE, TWO = b"x\n1\n", b"x\n2\n3\n"


def read(files: dict[str, bytes], *, limit_bytes: int = 1000) -> sources.Pinned:
    """Read files of memory."""
    entries = [Entry(path, len(data)) for path, data in files.items()]
    return sources.read(entries, files.__getitem__, format_name="Auto", limit_bytes=limit_bytes)


def test_one_file_is_pinned_by_its_bytes() -> None:
    """The digest is the hash of the file, as any tool computes it."""
    pinned = read({"rows.csv": ONE})
    assert pinned.digest == f"sha256:{hashlib.sha256(ONE).hexdigest()}"
    assert tables.numbers(pinned.table, "x").tolist() == [1.0]


def test_many_files_are_one_table_in_order_of_their_paths() -> None:
    """Listing order changes neither the rows nor the digest; a changed file changes the digest."""
    pinned = read({"b.csv": TWO, "a.csv": ONE})
    assert tables.numbers(pinned.table, "x").tolist() == [1.0, 2.0, 3.0]
    assert pinned.digest == read({"a.csv": ONE, "b.csv": TWO}).digest
    assert pinned.digest != read({"a.csv": ONE, "b.csv": TWO + b"4\n"}).digest


@pytest.mark.parametrize("path", ["_SUCCESS", ".crc", "_logs/a.csv", "manifest.json"])
def test_marks_beside_the_data_are_no_data(path: str) -> None:
    """What other tools leave beside their files is not read."""
    assert read({"a.csv": ONE, path: b"anything"}).digest == read({"a.csv": ONE}).digest


def test_a_source_without_data_files_is_missing() -> None:
    """Only marks, or nothing at all."""
    with pytest.raises(Invalid) as caught:
        read({"_SUCCESS": b""})
    assert caught.value.reason == Reason.SOURCE_MISSING


def test_a_source_that_is_too_large_is_not_read() -> None:
    """By the listing before anything is read, or by the bytes where no size was listed."""
    with pytest.raises(Invalid) as caught:
        sources.read([Entry("a.csv", 99)], {}.__getitem__, format_name="Auto", limit_bytes=9)
    assert caught.value.reason == Reason.TOO_LARGE
    with pytest.raises(Invalid) as caught:
        sources.read([Entry("a.csv", None)], lambda _: TWO, format_name="Auto", limit_bytes=3)
    assert caught.value.reason == Reason.TOO_LARGE


def test_a_pinned_version_is_the_digest_or_the_run_ends() -> None:
    """Attempts never see other rows than those that were pinned."""
    pinned = read({"a.csv": ONE})
    sources.check_version(pinned, "")
    sources.check_version(pinned, pinned.digest)
    with pytest.raises(Invalid) as caught:
        sources.check_version(pinned, "sha256:" + "0" * 64)
    assert caught.value.reason == Reason.SNAPSHOT_EXPIRED
