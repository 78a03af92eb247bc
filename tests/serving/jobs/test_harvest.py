"""Only what a trainer really handed back is published, under the digest of its bytes."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
import skops.io
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression

from perennial_serving import testing
from perennial_serving.contract import manifest
from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.jobs.testing import Run, table_of

IRIS = table_of(load_iris(), rows=150).rename_columns([*testing.IRIS_COLUMNS, "target"])
SIGNATURE = json.dumps(
    {
        "v": 1,
        "inputs": [
            {
                "name": "flower",
                "datatype": "FP32",
                "shape": [-1, 4],
                "columns": list(testing.IRIS_COLUMNS),
            }
        ],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
        "classes": [0, 1, 2],
    }
).encode()


def model() -> LogisticRegression:
    """Return a classifier fitted on named columns."""
    frame = IRIS.drop_columns("target").to_pandas()
    return LogisticRegression(max_iter=500).fit(frame, IRIS["target"].to_numpy())


def pickled() -> bytes:
    """Return the classifier as a pickle."""
    stream = io.BytesIO()
    joblib.dump(model(), stream)
    return stream.getvalue()


MODEL = skops.io.dumps(model())


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run whose rows are checked."""
    folder = tmp_path_factory.mktemp("checked")
    Run(folder).with_rows(IRIS).check()
    return folder


@pytest.fixture
def run(checked: Path, tmp_path: Path) -> Run:
    """Return a run of its own with checked rows."""
    shutil.copytree(checked, tmp_path, dirs_exist_ok=True)
    return Run(tmp_path)


def hand_back(
    run: Run, files: dict[str, bytes], *, name: str = "m.skops", kind: str = "skops"
) -> None:
    """Be a user's own trainer, and the sidecar beside it."""
    folder = run.workplace.outputs
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (folder / path).write_bytes(data)
    result = {"v": 1, "model": name, "format": kind, "metrics": {"train": 0.97}}
    (folder / "result.json").write_text(json.dumps(result))
    assert run.step("upload").outcome is Outcome.OK


def attempt(run: Run) -> Path:
    """Return the folder of the attempt in the store."""
    return run.store / "runs/run-1/a1"


def published(run: Run, digest: str) -> Path:
    """Return the folder of a published model."""
    return run.store / "models/sha256" / digest.removeprefix("sha256:")


def test_a_trainers_model_is_converted_and_published(run: Run) -> None:
    """Under the digest of its manifest, with the facts of the run."""
    hand_back(run, {"m.skops": MODEL})
    found = run.harvest(run={"seed": 7, "trainer": "own"})
    folder = published(run, found.digest)
    assert (found.format, found.note, found.uri) == ("onnx", "", f"file://{folder}")
    assert manifest.digest((folder / "manifest.json").read_bytes()) == found.digest
    listed = manifest.parse((folder / "manifest.json").read_bytes())
    assert found.size_bytes == listed.total_bytes()
    facts = json.loads((folder / "run.json").read_text())
    assert (facts["runId"], facts["seed"], facts["classes"]) == ("run-1", 7, [0, 1, 2])
    assert facts["nullRates"] == dict.fromkeys(testing.IRIS_COLUMNS, 0.0)
    assert facts["result"]["metrics"] == {"train": 0.97}


def test_a_repeat_publishes_the_same_bytes(run: Run) -> None:
    """The step can be run again after a crash at any moment."""
    hand_back(run, {"m.skops": MODEL})
    first = run.harvest()
    assert run.harvest() == first
    shutil.rmtree(published(run, first.digest))
    assert run.harvest() == first


def test_a_demanded_format_is_given_or_refused(run: Run) -> None:
    """Skops stays skops; ONNX that cannot be proved is not published."""
    hand_back(run, {"m.skops": MODEL})
    assert run.harvest(format="skops").format == "skops"
    strict = {"maxAbsDiff": -1.0, "maxLabelDisagreement": 0.0}
    assert run.harvest(equivalence=strict).format == "skops"
    result = run.step("harvest", format="onnx", equivalence=strict)
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.NOT_EQUIVALENT)


def test_an_onnx_model_is_published_as_it_is(run: Run) -> None:
    """With the column names of the data, and the trainer's own signature where there is one."""
    hand_back(run, {"m.onnx": testing.iris_onnx()}, name="m.onnx", kind="onnx")
    found = run.harvest()
    document = json.loads((published(run, found.digest) / "signature.json").read_text())
    assert document["inputs"][0]["columns"] == list(testing.IRIS_COLUMNS)
    result = run.step("harvest", format="skops")
    assert result.reason == Reason.FORMAT_REFUSED


def test_the_trainers_signature_is_kept(run: Run) -> None:
    """Its names are what is served."""
    hand_back(run, {"m.skops": MODEL, "signature.json": SIGNATURE})
    folder = published(run, run.harvest(format="skops").digest)
    assert json.loads((folder / "signature.json").read_text())["inputs"][0]["name"] == "flower"


def test_a_pickle_is_opened_only_where_that_is_allowed(run: Run) -> None:
    """By the run's own permission; it is then converted like any model."""
    hand_back(run, {"m.joblib": pickled()}, name="m.joblib", kind="joblib")
    result = run.step("harvest")
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.FORMAT_REFUSED)
    assert run.harvest(allowPickle=True).format == "onnx"


def test_without_a_manifest_there_is_no_result(run: Run) -> None:
    """The trainer was killed, or forgot result.json."""
    result = run.step("harvest")
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.RESULT_MISSING)


def change(path: str, data: bytes) -> Callable[[Run], None]:
    """Return a change of a file of the attempt."""
    return lambda run: (attempt(run) / path).write_bytes(data) and None


def edit(**fields: object) -> Callable[[Run], None]:
    """Return a change of the attempt's manifest."""

    def edited(run: Run) -> None:
        path = attempt(run) / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return edited


RESULT = {"v": 1, "model": "m.skops", "format": "skops"}
HEX = "0" * 64


@pytest.mark.parametrize(
    "tamper",
    [
        change("m.skops", MODEL[:-1]),
        change("m.skops", MODEL[:-1] + b"x"),
        change("m.skops", MODEL + b"x"),
        change("extra.bin", b"more"),
        lambda run: (attempt(run) / "m.skops").unlink(),
        lambda run: (attempt(run) / "m.skops").rename(attempt(run) / "n.skops"),
        change("manifest.json", b"{"),
        change("manifest.json", b"[]"),
        edit(runId="run-2"),
        edit(attempt=2),
        edit(files=[{"path": "../m.skops", "size": 1, "sha256": HEX}]),
        edit(files=[]),
        edit(result={}),
        edit(result={**RESULT, "model": "other.skops"}),
        edit(result={**RESULT, "model": "result.json"}),
        edit(result={**RESULT, "model": ["m.skops"]}),
    ],
)
def test_what_is_not_as_it_was_handed_back_is_corrupt(
    run: Run, tamper: Callable[[Run], None]
) -> None:
    """Changed, cut, longer, missing, renamed, unlisted; or the manifest is of another attempt."""
    hand_back(run, {"m.skops": MODEL})
    tamper(run)
    result = run.step("harvest")
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.RESULT_CORRUPT)
    assert not (run.store / "models").exists()


def failing(run: Run, files: dict[str, bytes], *, name: str, kind: str) -> Result:
    """Return the result of a harvest of these files."""
    hand_back(run, files, name=name, kind=kind)
    return run.step("harvest")


@pytest.mark.parametrize("kind", ["pickle", "h5", "", 7])
def test_other_formats_are_refused(run: Run, kind: str) -> None:
    """The sentence names those that are allowed."""
    result = failing(run, {"m.skops": MODEL}, name="m.skops", kind=kind)
    assert (result.reason, result.message) == (
        Reason.FORMAT_REFUSED,
        "result.json must name one of the formats onnx, skops",
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [(pickled(), "skops"), (b"PK\x03\x04", "skops"), (MODEL, "onnx"), (b"", "onnx")],
)
def test_a_model_of_another_format_than_named_is_refused(
    run: Run, data: bytes, *, kind: str
) -> None:
    """Bytes decide; nothing is opened by another loader."""
    result = failing(run, {"m": data}, name="m", kind=kind)
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.FORMAT_MISMATCH)


def test_a_model_of_other_columns_is_refused(tmp_path: Path) -> None:
    """It was trained on rows of another table."""
    run = Run(tmp_path).with_rows(table_of(load_breast_cancer()))
    run.check()
    result = failing(run, {"m.skops": MODEL}, name="m.skops", kind="skops")
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.INPUTS_MISMATCH)


def test_without_held_out_rows_the_proof_is_on_train_rows(tmp_path: Path) -> None:
    """A tiny table may hold nothing out; the model is still converted and warmed up."""
    run = Run(tmp_path, split={"strategy": "Random"}).with_rows(IRIS.slice(0, 3))
    for uid in range(100):
        if run.check(modelUid=f"uid-{uid}").holdout_rows == 0:
            break
    hand_back(run, {"m.skops": MODEL})
    assert run.harvest().format == "onnx"


def test_the_newest_train_row_is_noted(tmp_path: Path) -> None:
    """So a later comparison knows which rows this model was trained on."""
    table = IRIS.append_column("at", [list(range(150))])
    columns = {"label": "target", "time": "at"}
    split = {"strategy": "Temporal", "holdout": "30s"}
    run = Run(tmp_path, columns=columns, split=split).with_rows(table)
    run.check()
    hand_back(run, {"m.skops": MODEL})
    folder = published(run, run.harvest().digest)
    assert json.loads((folder / "run.json").read_text())["trainEnd"] == 119.0
