"""Tests of what is sent of a log."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.kubelet_api import container_logs
from perennial_sandbox.node.kubelet_api.container_logs import LogQuery, LogQueryError
from perennial_sandbox.node.testing import until


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of three lines."""
    file = tmp_path / "log"
    file.write_bytes(b"one\ntwo\nthree\n")
    return file


async def sent(file: Path, query: LogQuery) -> bytes:
    """Return all that is sent of the log of an ended container."""
    blocks = container_logs.content(file, query, is_running=lambda: False)
    return b"".join([block async for block in blocks])


def test_the_usual_options_are_known() -> None:
    """Without any the whole log of the current run is meant."""
    full = {"follow": "true", "previous": "true", "tailLines": "5", "limitBytes": "9"}
    found = (container_logs.parsed({"timestamps": "false"}), container_logs.parsed(full))
    assert found == (LogQuery(), LogQuery(follows=True, previous=True, tail_lines=5, limit_bytes=9))


@pytest.mark.parametrize(
    "query", [{"timestamps": "true"}, {"sinceSeconds": "5"}, {"sinceTime": "2030"}]
)
def test_times_of_lines_are_not_known(query: dict[str, str]) -> None:
    """Wrong lines would be worse than a refusal."""
    with pytest.raises(LogQueryError, match="keeps no times"):
        container_logs.parsed(query)


def test_a_number_must_be_one() -> None:
    """The refusal names the option."""
    with pytest.raises(LogQueryError, match="tailLines must be a number"):
        container_logs.parsed({"tailLines": "x"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (LogQuery(), b"one\ntwo\nthree\n"),
        (LogQuery(tail_lines=0), b""),
        (LogQuery(tail_lines=1), b"three\n"),
        (LogQuery(tail_lines=2), b"two\nthree\n"),
        (LogQuery(tail_lines=9), b"one\ntwo\nthree\n"),
        (LogQuery(limit_bytes=5), b"one\nt"),
        (LogQuery(limit_bytes=0), b""),
        (LogQuery(tail_lines=1, limit_bytes=2), b"th"),
        (LogQuery(follows=True), b"one\ntwo\nthree\n"),
    ],
)
async def test_a_part_of_a_log_is_sent(log: Path, query: LogQuery, expected: bytes) -> None:
    """Lines from the end, bytes from the beginning of what is left."""
    assert await sent(log, query) == expected


@pytest.mark.parametrize(("text", "last"), [(b"one\ntwo", b"two"), (b"", b""), (b"one", b"one")])
def test_a_log_may_end_within_a_line(log: Path, text: bytes, last: bytes) -> None:
    """The unfinished line is the last one; an empty log has none."""
    log.write_bytes(text)
    assert text[container_logs.tail_offset(log, 1) :] == last


@given(
    st.lists(st.binary(max_size=40_000).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    st.integers(1, 9),
)
def test_a_tail_has_exactly_the_last_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], count: int
) -> None:
    """Whatever the length of the lines and the size of the blocks."""
    file = tmp_path_factory.mktemp("log") / "log"
    whole = [line + b"\n" for line in lines]
    file.write_bytes(b"".join(whole))
    offset = container_logs.tail_offset(file, count)
    assert file.read_bytes()[offset:] == b"".join(whole[-count:])


async def test_following_ends_with_the_container(log: Path) -> None:
    """The last words are not lost."""
    running = True
    seen = bytearray()

    async def read() -> None:
        query = LogQuery(follows=True, tail_lines=0)
        async for block in container_logs.content(log, query, is_running=lambda: running):
            seen.extend(block)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    with log.open("ab") as file:
        file.write(b"four\n")
    await until(lambda: bytes(seen) == b"four\n")
    with log.open("ab") as file:
        file.write(b"five\n")
    running = False
    await asyncio.wait_for(reader, 5)
    assert bytes(seen) == b"four\nfive\n"
