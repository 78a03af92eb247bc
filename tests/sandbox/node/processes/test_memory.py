"""Tests of the memory of process trees."""

import os

from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.processes import memory
from perennial_sandbox.node.processes.memory import Usage

PAGE = os.sysconf("SC_PAGE_SIZE")


def test_a_stat_line_is_read_from_behind() -> None:
    """The name of a command may look like fields."""
    tail = " ".join(str(number) for number in range(5, 53))
    text = f"12 (a) 9 (b) S 4 {tail}"
    assert memory.parsed_stat(text) == Usage(parent=4, resident_bytes=24 * PAGE)


def test_a_scan_knows_this_very_process() -> None:
    """Its parent and a plausible size."""
    found = memory.scan()[os.getpid()]
    assert found.parent == os.getppid()
    assert 2**20 < found.resident_bytes < 2**36


def test_a_tree_is_summed_to_its_root() -> None:
    """Nearest root first; strangers count for nobody."""
    processes = {
        1: Usage(0, 1000),
        10: Usage(1, 1),
        11: Usage(10, 2),
        12: Usage(11, 4),
        20: Usage(11, 8),
        21: Usage(20, 16),
        30: Usage(1, 32),
    }
    found = memory.resident_bytes({10, 20, 99}, processes)
    assert found == {10: 7, 20: 24, 99: 0}


@given(
    st.dictionaries(st.integers(1, 20), st.integers(1, 20), max_size=20),
    st.sets(st.integers(1, 20)),
)
def test_even_an_inconsistent_scan_ends(parents: dict[int, int], roots: set[int]) -> None:
    """A scan takes time, so it may show loops; nothing is counted twice."""
    processes = {pid: Usage(parent, 1) for pid, parent in parents.items()}
    found = memory.resident_bytes(roots, processes)
    assert sum(found.values()) <= len(processes)
    assert set(found) == roots


def test_shared_pages_count_once_in_the_slow_way() -> None:
    """The proportional size is no more than the resident one."""
    proportional = memory.proportional_bytes(os.getpid())
    assert 2**20 < proportional <= memory.scan()[os.getpid()].resident_bytes * 1.1


def test_a_vanished_tree_uses_nothing() -> None:
    """It ended between the two looks."""
    assert memory.proportional_bytes(2**22 + 1) == 0
