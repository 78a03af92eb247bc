"""Step `train`: the recipes `tabular-classification` and `tabular-regression`, version 1.

A recipe obeys the trainer contract like any other trainer: it reads `run.json`, `parameters.json`
and `train/`, writes a skops file and, last, `result.json`. A version never changes its result:
equal rows, parameters and seed give an equal model.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from perennial_serving.codec.tensors import TASK_CLASSIFICATION, TASK_REGRESSION, Array
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import split, tables
from perennial_serving.jobs.packing.signature import is_text
from perennial_serving.jobs.step import Roles, Workplace
from perennial_serving.jobs.upload import RESULT

MODEL = "model.skops"
RECIPES: Mapping[str, str] = {
    "tabular-classification": TASK_CLASSIFICATION,
    "tabular-regression": TASK_REGRESSION,
}
VERSION = "1"
LIBRARIES = ("numpy", "scikit-learn", "skops")
MAX_INDICATORS = 32
BOOSTING = "boosting"
LINEAR = "linear"


class Document(msgspec.Struct, frozen=True):
    """A trainer gets no step document."""


class Recipe(msgspec.Struct, frozen=True):
    """Which recipe, in which version."""

    name: str
    version: str = VERSION


class Run(msgspec.Struct, frozen=True, rename="camel"):
    """What the recipe reads of `run.json`."""

    columns: Roles
    recipe: Recipe
    seed: int = 0
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The train rows as models get them."""

    features: Mapping[str, Array]
    target: Array
    weights: Array | None

    def frame(self) -> pd.DataFrame:
        """Return the features as a data frame."""
        return pd.DataFrame(dict(self.features))


def run(_document: Document, workplace: Workplace) -> None:
    """Train, and write the model and then the result."""
    asked = _json(workplace.inputs / "run.json", Run)
    parameters = _json(workplace.inputs / "parameters.json", dict[str, str])
    table = _table(workplace.inputs / "train")
    rows = _rows(table, asked)
    model = fitted(rows, asked, parameters)
    workplace.outputs.mkdir(parents=True, exist_ok=True)
    (workplace.outputs / MODEL).write_bytes(skops.io.dumps(model))
    (workplace.outputs / RESULT).write_text(json.dumps(_result(table, asked), sort_keys=True))


def fitted(rows: Rows, asked: Run, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401  # scikit-learn has no types
    """Return the fitted model of a recipe."""
    task = RECIPES.get(asked.recipe.name)
    if task is None or asked.recipe.version != VERSION:
        message = f"recipes are {', '.join(RECIPES)}, all in version {VERSION}"
        raise Invalid(Reason.TRAINER_REFUSED, message, field="spec.trainer.recipe")
    if task == TASK_CLASSIFICATION and len(np.unique(rows.target)) == 1:
        message = "the train rows have one class only; a classifier needs two"
        raise Invalid(Reason.TRAINER_REFUSED, message)
    kind = parameters.get("model", BOOSTING)
    if (kind, task) not in _MODELS:
        message = f"use {BOOSTING} or {LINEAR}"
        raise Invalid(Reason.TRAINER_REFUSED, message, field="spec.parameters.model")
    model = _MODELS[kind, task](_numbers(parameters, kind, task), asked.seed)
    pipeline = _with_features(model, rows, is_linear=kind == LINEAR)
    names = {} if rows.weights is None else {_weight_name(pipeline): rows.weights}
    return pipeline.fit(rows.frame(), rows.target, **names)


_Numbers = Mapping[str, float | None]
_BOOSTING_PARAMETERS: _Numbers = {
    "learning_rate": 0.1,
    "max_iter": 100,
    "max_leaf_nodes": 31,
    "max_depth": None,
    "min_samples_leaf": 20,
    "l2_regularization": 0.0,
}
_PARAMETERS: Mapping[tuple[str, str], _Numbers] = {
    (BOOSTING, TASK_CLASSIFICATION): _BOOSTING_PARAMETERS,
    (BOOSTING, TASK_REGRESSION): _BOOSTING_PARAMETERS,
    (LINEAR, TASK_CLASSIFICATION): {"C": 1.0, "max_iter": 2000},
    (LINEAR, TASK_REGRESSION): {"alpha": 1.0},
}
_WHOLE = {"max_iter", "max_leaf_nodes", "max_depth", "min_samples_leaf"}


def _numbers(parameters: Mapping[str, str], kind: str, task: str) -> dict[str, Any]:
    """Return the model's parameters: defaults, changed by those that the run gives as texts."""
    known = _PARAMETERS[kind, task]
    values: dict[str, Any] = dict(known)
    for name, text in parameters.items():
        if name == "model":
            continue
        if name not in known:
            message = f"unknown; a {kind} model knows model, {', '.join(known)}"
            raise Invalid(Reason.TRAINER_REFUSED, message, field=f"spec.parameters.{name}")
        values[name] = _number(name, text)
    return values


def _number(name: str, text: str) -> float:
    try:
        value = int(text) if name in _WHOLE else float(text)
    except ValueError as error:
        wanted = "a whole number" if name in _WHOLE else "a number"
        message = f"must be {wanted}"
        raise Invalid(Reason.TRAINER_REFUSED, message, field=f"spec.parameters.{name}") from error
    if not 0 <= value < float("inf") or (name in _WHOLE and value == 0):
        message = "must be positive"
        raise Invalid(Reason.TRAINER_REFUSED, message, field=f"spec.parameters.{name}")
    return value


def _boosting(kind: Any) -> Callable[[dict[str, Any], int], Any]:  # noqa: ANN401  # see above
    def make(values: dict[str, Any], seed: int) -> Any:  # noqa: ANN401  # see above
        return kind(**values, early_stopping=False, random_state=seed)

    return make


_MODELS: Mapping[tuple[str, str], Callable[[dict[str, Any], int], Any]] = {
    (BOOSTING, TASK_CLASSIFICATION): _boosting(HistGradientBoostingClassifier),
    (BOOSTING, TASK_REGRESSION): _boosting(HistGradientBoostingRegressor),
    (LINEAR, TASK_CLASSIFICATION): lambda values, seed: LogisticRegression(
        **values, random_state=seed
    ),
    (LINEAR, TASK_REGRESSION): lambda values, _seed: Ridge(**values),
}


def _with_features(model: Any, rows: Rows, *, is_linear: bool) -> Any:  # noqa: ANN401  # see above
    """Return the model behind what its features need; a bare model where they need nothing."""
    texts = [name for name, column in rows.features.items() if is_text(column)]
    numbers = [name for name, column in rows.features.items() if _has_numbers(column)]
    if len(numbers) == len(rows.features) and not is_linear:
        return model
    few = [name for name in texts if len(set(rows.features[name].tolist())) <= MAX_INDICATORS]
    many = [name for name in texts if name not in few]
    parts = [
        ("indicators", OneHotEncoder(handle_unknown="ignore", sparse_output=False), few),
        ("codes", _codes(is_linear=is_linear), many),
        ("numbers", _scaled() if is_linear else "passthrough", numbers),
    ]
    used = [part for part in parts if part[2]]
    if not used:
        raise Invalid(Reason.TRAINER_REFUSED, "no feature has a value in any row")
    prepared = ColumnTransformer(used)
    return Pipeline([("features", prepared), ("model", model)])


def _has_numbers(column: Array) -> bool:
    """Return whether a column is numeric and not missing everywhere: that one teaches nothing."""
    return not is_text(column) and not bool(np.isnan(column).all())


def _scaled() -> Any:  # noqa: ANN401  # see above
    """Return what linear models need: no missing numbers, and one scale."""
    return Pipeline([("missing", SimpleImputer(strategy="median")), ("scale", StandardScaler())])


def _codes(*, is_linear: bool) -> Any:  # noqa: ANN401  # see above
    """Return numbers for texts with many values; unseen ones are -1."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return Pipeline([("codes", codes), ("scale", StandardScaler())]) if is_linear else codes


def _weight_name(pipeline: Any) -> str:  # noqa: ANN401  # see above
    return "model__sample_weight" if isinstance(pipeline, Pipeline) else "sample_weight"


def _rows(table: pa.Table, asked: Run) -> Rows:
    roles = asked.columns
    tables.check_present(table, roles.names())
    features = asked.features or roles.features(table.column_names)
    tables.check_present(table, features)
    if not features or not table.num_rows:
        raise Invalid(Reason.TRAINER_REFUSED, "there is no row or no feature to train on")
    is_class = RECIPES.get(asked.recipe.name) == TASK_CLASSIFICATION
    if not is_class and tables.kind_of(table, roles.label) == tables.TEXT:
        message = "the label is a text; a regression needs numbers"
        raise Invalid(Reason.TRAINER_REFUSED, message, field="spec.data.columns.label")
    return Rows(
        features=tables.feature_columns(table, features),
        target=(tables.labels if is_class else tables.numbers)(table, roles.label),
        weights=tables.numbers(table, roles.weight) if roles.weight else None,
    )


def _table(folder: Path) -> pa.Table:
    files: Sequence[Path] = sorted(folder.glob("*.parquet"))
    if not files:
        raise Invalid(Reason.TRAINER_REFUSED, "there are no train rows")
    return tables.joined([tables.read(file.read_bytes(), tables.PARQUET) for file in files])


def _json(path: Path, kind: Any) -> Any:  # noqa: ANN401  # a type, and a value of it
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is missing or not of the documented form"
        raise Invalid(Reason.TRAINER_REFUSED, message) from error


def _result(table: pa.Table, asked: Run) -> dict[str, Any]:
    newest = split.latest(table, asked.columns.time)
    return {
        "v": 1,
        "model": MODEL,
        "format": "skops",
        "metrics": {},
        "rowsRead": table.num_rows,
        "maxEventTime": "" if newest is None else str(np.datetime64(round(newest * 1e6), "us")),
        "libraries": {name: version(name) for name in LIBRARIES},
        "codeRevision": "",
    }
