"""The recipes train what their parameters say, always the same, and refuse what they cannot do."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge

from perennial_serving import jobs
from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.jobs import train
from perennial_serving.jobs.step import Roles, Workplace
from perennial_serving.jobs.testing import table_of
from perennial_serving.jobs.train import Recipe, Rows, Run
from perennial_serving.runtime import sklearn

CANCER = load_breast_cancer()
FEW = {"max_iter": "10"}


def words(table: pa.Table) -> pa.Table:
    """Return real rows with a column of few words, one of many, and missing values in all."""
    radius = table["mean_radius"].to_numpy()
    few = [
        None if at % 50 == 0 else ("large" if r > 14 else "small") for at, r in enumerate(radius)
    ]
    many = [f"lot {round(r * 4)}" for r in radius]
    holed = [None if at % 9 == 0 else r for at, r in enumerate(radius)]
    kept = table.select(["mean_texture", "mean_area", "target"])
    return (
        pa.table({"size": few, "lot": many, "radius": holed})
        .append_column("area", kept["mean_area"])
        .append_column("target", kept["target"])
    )


def run(
    folder: Path,
    table: pa.Table,
    *,
    task: str = "classification",
    parameters: Mapping[str, str] = FEW,
    **fields: object,
) -> Result:
    """Run a recipe on a table."""
    inputs = folder / "in"
    (inputs / "train").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, inputs / "train/part-0.parquet")
    recipe = {"name": f"tabular-{task}", "version": "1"}
    asked = {"columns": {"label": "target"}, "recipe": recipe, "seed": 3, "features": []}
    (inputs / "run.json").write_text(json.dumps({**asked, **fields}))
    (inputs / "parameters.json").write_text(json.dumps(dict(parameters)))
    return jobs.performed("train", "{}", Workplace(inputs=inputs, outputs=folder / "out"))


def model(folder: Path) -> object:
    """Return the model that was written, loaded as the predictor loads it."""
    data = (folder / "out/model.skops").read_bytes()
    return sklearn.load_skops(data, size_limit_bytes=2**30)


@pytest.mark.parametrize("kind", ["boosting", "linear"])
@pytest.mark.parametrize(
    ("task", "data", "least"),
    [("classification", load_wine(), 0.9), ("regression", load_diabetes(), 0.3)],
)
def test_every_recipe_learns_from_real_rows(
    tmp_path: Path, kind: str, *, task: str, data: object, least: float
) -> None:
    """The model fits its rows well, takes the columns by name, and says what it was made of."""
    table = table_of(data)
    parameters = {"model": kind}
    assert run(tmp_path, table, task=task, parameters=parameters).outcome is Outcome.OK
    frame = table.drop_columns("target").to_pandas()
    assert model(tmp_path).score(frame, table["target"].to_numpy()) > least
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert (result["v"], result["model"], result["format"]) == (1, "model.skops", "skops")
    assert (result["rowsRead"], result["maxEventTime"]) == (table.num_rows, "")
    assert set(result["libraries"]) == {"numpy", "scikit-learn", "skops"}


@pytest.mark.parametrize("kind", ["boosting", "linear"])
def test_words_and_missing_values_need_no_preparation(tmp_path: Path, kind: str) -> None:
    """Few words become indicators, many become codes, and unseen words get an answer."""
    table = words(table_of(CANCER))
    assert run(tmp_path, table, parameters={"model": kind}).outcome is Outcome.OK
    columns = train.tables.feature_columns(table, ["size", "lot", "radius", "area"])
    frame = Rows(columns, np.zeros(0), None).frame()
    fitted = model(tmp_path)
    assert fitted.score(frame, table["target"].to_numpy()) > 0.85
    frame.loc[:, "size"], frame.loc[:, "lot"] = "unheard of", "lot 0"
    assert fitted.predict(frame).shape == (569,)


def test_the_same_run_gives_the_same_model(tmp_path: Path) -> None:
    """Equal rows, parameters and seed: equal probabilities to the last bit."""
    table = table_of(CANCER)
    answers = []
    for name in ("one", "two"):
        run(tmp_path / name, table)
        frame = table.drop_columns("target").to_pandas()
        answers.append(model(tmp_path / name).predict_proba(frame))
    assert np.array_equal(*answers)


def test_parameters_reach_the_model(tmp_path: Path) -> None:
    """Texts become the numbers that the model takes."""
    run(tmp_path, table_of(CANCER), parameters={"max_iter": "7", "learning_rate": "0.5"})
    fitted = model(tmp_path)
    assert isinstance(fitted, HistGradientBoostingClassifier)
    assert (fitted.n_iter_, fitted.learning_rate, fitted.random_state) == (7, 0.5, 3)
    linear = {"model": "linear", "alpha": "2.5"}
    run(tmp_path, table_of(load_diabetes()), task="regression", parameters=linear)
    ridge = model(tmp_path)[-1]
    assert (type(ridge), ridge.alpha) == (Ridge, 2.5)


@pytest.mark.parametrize("kind", ["boosting", "linear"])
def test_weights_count(tmp_path: Path, kind: str) -> None:
    """Rows of weight 0 are as if they were not there; the weight is no feature."""
    table = table_of(CANCER)
    odd = np.arange(569) % 2
    target = np.where(odd, table["target"].to_numpy(), 1 - table["target"].to_numpy())
    mixed = table.set_column(30, "target", pa.array(target)).append_column("w", pa.array(odd))
    columns = {"label": "target", "weight": "w"}
    run(tmp_path, mixed, parameters={"model": kind}, columns=columns)
    frame = table.drop_columns("target").to_pandas()
    assert model(tmp_path).score(frame, table["target"].to_numpy()) > 0.95


@pytest.mark.parametrize(
    ("labels", "classes"),
    [([True, False], [0, 1]), (["no", "yes"], ["no", "yes"]), ([2.0, 5.0], [2, 5])],
)
def test_labels_of_any_kind_are_classes(tmp_path: Path, labels: list, classes: list) -> None:
    """Booleans and whole numbers are numbers, words are words."""
    table = pa.table({"x": np.arange(100.0), "target": [labels[at >= 50] for at in range(100)]})
    run(tmp_path, table)
    assert model(tmp_path).classes_.tolist() == classes


def test_named_features_are_used_and_no_others(tmp_path: Path) -> None:
    """The operator may name them; time and id never are among them."""
    table = table_of(CANCER).append_column("at", pa.array(np.arange(569.0)))
    columns = {"label": "target", "time": "at"}
    run(tmp_path, table, columns=columns, features=["mean_area", "mean_texture"])
    assert model(tmp_path).feature_names_in_.tolist() == ["mean_area", "mean_texture"]
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert result["maxEventTime"] == "1970-01-01T00:09:28.000000"


@pytest.mark.parametrize(
    ("fields", "parameters", "sentence"),
    [
        ({"recipe": {"name": "magic", "version": "1"}}, {}, "recipes are tabular-classification"),
        ({"recipe": {"name": "tabular-regression", "version": "9"}}, {}, "all in version 1"),
        ({}, {"model": "forest"}, "use boosting or linear"),
        ({}, {"depth": "3"}, "unknown; a boosting model knows model, learning_rate"),
        ({}, {"max_iter": "many"}, "must be a whole number"),
        ({}, {"learning_rate": "fast"}, "must be a number"),
        ({}, {"max_iter": "0"}, "must be positive"),
        ({}, {"learning_rate": "nan"}, "must be positive"),
        ({"columns": {"label": "outcome"}}, {}, "no column outcome"),
        ({"features": ["mean_area", "income"]}, {}, "no column income"),
        ({"columns": {}}, {}, "run.json is missing or not of the documented form"),
        ({"recipe": None}, {}, "run.json is missing or not of the documented form"),
    ],
)
def test_what_a_recipe_cannot_do_is_refused(
    tmp_path: Path, fields: dict, parameters: dict, *, sentence: str
) -> None:
    """With exit 65, so that no attempt is wasted on trying again."""
    result = run(tmp_path, table_of(CANCER), parameters=parameters, **fields)
    assert result.outcome is Outcome.INVALID
    assert sentence in result.message
    assert not (tmp_path / "out/result.json").exists()


@pytest.mark.parametrize(
    ("table", "task", "sentence"),
    [
        (pa.table({"x": [1.0, 2.0], "target": [1, 1]}), "classification", "one class only"),
        (pa.table({"x": [1.0], "target": ["a"]}), "regression", "a regression needs numbers"),
        (pa.table({"target": [1, 0]}), "classification", "no row or no feature"),
        (
            pa.table({"x": pa.nulls(2, pa.float64()), "target": [1, 0]}),
            "classification",
            "no feature has a value",
        ),
        (
            pa.table({"x": pa.array([], pa.float64()), "target": pa.array([], pa.int64())}),
            "regression",
            "no row or no feature",
        ),
    ],
)
def test_rows_that_teach_nothing_are_refused(
    tmp_path: Path, table: pa.Table, *, task: str, sentence: str
) -> None:
    """The sentence says what the rows lack."""
    result = run(tmp_path, table, task=task)
    assert result.reason == Reason.TRAINER_REFUSED
    assert sentence in result.message


def test_without_rows_there_is_nothing_to_train(tmp_path: Path) -> None:
    """The folder of train rows is empty."""
    run(tmp_path, table_of(CANCER))
    (tmp_path / "in/train/part-0.parquet").unlink()
    place = Workplace(inputs=tmp_path / "in", outputs=tmp_path / "out")
    assert jobs.performed("train", "{}", place).message == "there are no train rows"


def test_a_column_that_is_always_missing_harms_nobody(tmp_path: Path) -> None:
    """Both kinds of model train around it."""
    table = table_of(CANCER).append_column("empty", pa.nulls(569, pa.float64()))
    for kind in ("boosting", "linear"):
        assert run(tmp_path, table, parameters={"model": kind}).outcome is Outcome.OK
        frame = table.drop_columns("target").to_pandas()
        assert model(tmp_path).score(frame, table["target"].to_numpy()) > 0.9


def test_unknown_recipes_are_refused_before_the_rows_are_looked_at() -> None:
    """Also if called from Python."""
    rows = Rows({"x": np.arange(4.0)}, np.arange(4), None)
    asked = Run(columns=Roles("y"), recipe=Recipe("tabular-clustering"))
    with pytest.raises(train.Invalid, match="recipes are"):
        train.fitted(rows, asked, {})
