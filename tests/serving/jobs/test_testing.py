"""A run of the tests fails where a step failed, with the step's own words."""

from pathlib import Path

import pytest
from sklearn.datasets import load_wine

from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.jobs import testing


def test_a_bad_end_fails_the_test_with_the_steps_words() -> None:
    """Which step, why, and the sentence."""
    result = Result(Outcome.INVALID, Reason.NOT_FOUND, "nothing there", step="check")
    with pytest.raises(AssertionError, match="check: NotFound: nothing there"):
        testing.good(result)


def test_a_good_end_is_what_the_operator_reads() -> None:
    """The result has gone through its message: tuples are lists."""
    read = testing.good(Result(Outcome.OK, Reason.OK, step="x", payload={"names": ("a", "b")}))
    assert (read.step, read.payload) == ("x", {"names": ["a", "b"]})


def test_bundled_data_is_shuffled_and_cut_the_same_way_each_time(tmp_path: Path) -> None:
    """Few rows are the first of the shuffled ones, and hold every class."""
    few, whole = testing.table_of(load_wine(), rows=60), testing.table_of(load_wine())
    assert whole.slice(0, 60) == few
    assert set(few["target"].to_pylist()) == {0, 1, 2}
    run = testing.Run(tmp_path).with_rows(few)
    assert run.check().train_rows < 60
