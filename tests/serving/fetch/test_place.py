"""What all stores share: small reads with a limit, and plain paths."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch import place
from perennial_serving.fetch.place import Entry


class Endless:
    """A store whose file never ends."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.chunks_read = 0

    def entries(self) -> list[Entry]:
        """Return the one file."""
        return [Entry("file", None)]

    def chunks(self, _path: str) -> Iterator[bytes]:
        """Yield for ever."""
        while True:
            self.chunks_read += 1
            yield b"x" * 10

    def write(self, _path: str, _data: bytes, *, is_new: bool = False) -> bool:
        """Take everything."""
        return is_new

    def upload(self, _path: str, _file: Path) -> None:
        """Take everything."""


def test_a_read_ends_at_its_limit() -> None:
    """An endless file costs no more than that."""
    store = Endless()
    with pytest.raises(Invalid) as caught:
        place.read(store, "file", limit_bytes=25)
    assert caught.value.reason == Reason.TOO_LARGE
    assert store.chunks_read == 3


@pytest.mark.parametrize("path", ["manifest.json", "a/b.onnx"])
def test_plain_paths_pass(path: str) -> None:
    """The manifest's name is one of them."""
    place.check_path(path)


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "a\\b", "", ".a"])
def test_other_paths_are_refused(path: str) -> None:
    """Whoever asks."""
    with pytest.raises(Invalid) as caught:
        place.check_path(path)
    assert caught.value.reason == Reason.UNSAFE_PATH
