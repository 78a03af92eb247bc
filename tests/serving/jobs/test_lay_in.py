"""A trainer finds its rows and documents, and never a held-out row."""

from pathlib import Path

from sklearn.datasets import load_wine

from perennial_serving.contract.results import Outcome, Reason
from perennial_serving.jobs.testing import Run, table_of


def test_the_trainers_folder_holds_rows_and_documents(tmp_path: Path) -> None:
    """The train rows are the checked ones, byte for byte; the documents are those mounted."""
    run = Run(tmp_path, parameters={"max_iter": "5"}).with_rows(table_of(load_wine()))
    run.check()
    run.lay_in()
    inputs = run.workplace.inputs
    assert {
        path.relative_to(inputs).as_posix() for path in inputs.rglob("*") if path.is_file()
    } == {
        "config/run.json",
        "config/parameters.json",
        "run.json",
        "parameters.json",
        "train/part-0.parquet",
    }
    checked = run.store / "runs/run-1/in/train/part-0.parquet"
    assert (inputs / "train/part-0.parquet").read_bytes() == checked.read_bytes()
    assert (inputs / "parameters.json").read_text() == '{"max_iter": "5"}'


def test_without_checked_rows_the_trainer_does_not_start(tmp_path: Path) -> None:
    """The store has no rows of this run."""
    run = Run(tmp_path)
    run.store.mkdir()
    result = run.step("inputs")
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.NOT_FOUND)


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    """The Pod was made without its ConfigMap."""
    run = Run(tmp_path).with_rows(table_of(load_wine()))
    run.check()
    result = run.step("inputs")
    assert (result.reason, result.message) == (
        Reason.SETTINGS_INVALID,
        "the run's run.json is not mounted",
    )
