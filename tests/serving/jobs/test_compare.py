"""Challenger and champion are measured on the same rows, through the code of live traffic."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from perennial_serving import testing
from perennial_serving.contract import manifest
from perennial_serving.contract.results import (
    ComparePayload,
    HarvestPayload,
    MetricResult,
    Reason,
)
from perennial_serving.fetch.access import Access
from perennial_serving.jobs import compare, step
from perennial_serving.jobs.data import tables
from perennial_serving.jobs.packing import publication
from perennial_serving.jobs.publish import Options, publish_model
from perennial_serving.jobs.testing import REGRESSION, Run, table_of

CANCER = table_of(load_breast_cancer())
DIGITS = table_of(load_digits(), rows=1000)
ACCURACY = {"name": "accuracy", "direction": "Maximize", "margin": 0.05, "marginType": "Absolute"}
LINEAR = {"model": "linear"}


def by_hand(folder: Path, estimator: object, rows: object) -> HarvestPayload:
    """Publish a model without a run."""
    found = publish_model(estimator, rows, f"file://{folder}/output", options=Options())
    return HarvestPayload(found.digest, found.uri, found.format, found.size_bytes)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, HarvestPayload]:
    """Return a finished run on digits and its candidate."""
    folder = tmp_path_factory.mktemp("digits")
    run = Run(folder, parameters={"max_iter": "15"}).with_rows(DIGITS)
    return run, run.trained()


def rooted(rows: object) -> np.ndarray:
    """Be a step that no other program knows."""
    return np.sqrt(np.asarray(rows))


def numbers(payload: ComparePayload) -> dict[str, tuple]:
    """Return the p values by metric."""
    return {metric.name: (metric.p_pass, metric.p_fail) for metric in payload.metrics}


def test_without_champion_only_floors_are_tested(first: tuple[Run, HarvestPayload]) -> None:
    """The metrics are the task's own; the champion's numbers are missing, not zero."""
    run, candidate = first
    payload = run.compare(candidate, metrics=[{**ACCURACY, "floor": 0.7}])
    (accuracy,) = payload.metrics
    assert (payload.champion_digest, payload.same_signature) == ("", True)
    assert (accuracy.p_pass, accuracy.champion, accuracy.note) == (None, None, "no champion")
    assert accuracy.floor_p_pass < 0.05 < accuracy.challenger
    assert [metric.name for metric in run.compare(candidate).metrics] == ["accuracy", "log_loss"]


def test_an_equal_challenger_passes(first: tuple[Run, HarvestPayload]) -> None:
    """The same rows and parameters give a model that is as good, to the last row."""
    run, champion = first
    again = run.again("run-2", champion=champion)
    payload = again.compare(again.trained(), metrics=[ACCURACY])
    assert payload.metrics[0].difference == 0.0
    assert payload.metrics[0].p_pass < 0.05


def test_a_worse_challenger_fails(first: tuple[Run, HarvestPayload]) -> None:
    """A model of one leaf a class is far worse, and the numbers say so."""
    run, champion = first
    poor = {"max_iter": "1", "max_depth": "1", "learning_rate": "0.01"}
    again = run.again("run-3", champion=champion, parameters=poor)
    payload = again.compare(again.trained())
    assert all(p_fail < 0.001 < p_pass for p_pass, p_fail in numbers(payload).values())


def test_the_evidence_is_named_by_its_digest(first: tuple[Run, HarvestPayload]) -> None:
    """It holds the numbers, the models, the rows and the level; a repeat writes the same bytes."""
    run, champion = first
    again = run.again("run-1", champion=champion)
    payload = again.compare(champion, specDigest="sha256:s", image="perennial.dev/serving:1")
    path = Path(payload.evidence_uri.removeprefix("file://"))
    evidence = json.loads(path.read_bytes())
    assert path == run.store / "evidence/sha256" / f"{payload.evidence_digest[7:]}.json"
    assert manifest.digest(path.read_bytes()) == payload.evidence_digest
    assert evidence["candidate"]["digest"] == evidence["champion"]["digest"] == champion.digest
    assert (evidence["rows"], evidence["alpha"], evidence["specDigest"]) == (
        payload.rows,
        0.05,
        "sha256:s",
    )
    assert len(evidence["metrics"]) == len(payload.metrics)
    assert (
        again.compare(champion, specDigest="sha256:s", image="perennial.dev/serving:1") == payload
    )


def test_a_sample_of_the_rows_is_always_the_same(first: tuple[Run, HarvestPayload]) -> None:
    """At most `maxRows`, chosen by hash."""
    run, candidate = first
    payload = run.compare(candidate, maxRows=50)
    assert payload.rows == 50
    assert run.compare(candidate, maxRows=50) == payload


def test_held_out_rows_that_changed_are_not_used(first: tuple[Run, HarvestPayload]) -> None:
    """The digest of the check must be that of the rows."""
    run, candidate = first
    known = {"candidateUri": candidate.uri, "candidateDigest": candidate.digest}
    asked = {**known, "goal": "NonInferior", "alpha": 0.05, "holdoutDigest": "sha256:" + "0" * 64}
    assert run.step("compare", **asked).reason == Reason.SNAPSHOT_EXPIRED


def test_a_model_that_is_not_the_named_one_is_not_loaded(first: tuple[Run, HarvestPayload]) -> None:
    """Candidate and champion are their digests, not their places."""
    run, candidate = first
    wrong = HarvestPayload("sha256:" + "0" * 64, candidate.uri, "onnx", 1)
    asked = {"goal": "NonInferior", "alpha": 0.05}
    named = {"candidateUri": wrong.uri, "candidateDigest": wrong.digest}
    assert run.step("compare", **asked, **named).reason == Reason.DIGEST_MISMATCH
    known = {"candidateUri": candidate.uri, "candidateDigest": candidate.digest}
    again = run.again("run-1", champion=wrong)
    assert again.step("compare", **asked, **known).reason == Reason.DIGEST_MISMATCH


def test_a_champion_of_other_columns_is_not_compared(
    first: tuple[Run, HarvestPayload], tmp_path: Path
) -> None:
    """It gets no rows that it cannot answer; the operator sees the other signature."""
    run, candidate = first
    wine = load_wine(as_frame=True)
    model = LogisticRegression(max_iter=5000).fit(wine.data, wine.target)
    again = run.again("run-1", champion=by_hand(tmp_path, model, wine.data))
    payload = again.compare(candidate)
    assert (payload.same_signature, payload.metrics[0].p_pass) == (False, None)
    assert payload.champion_digest == again.champion.digest


def test_a_champion_of_fewer_classes_is_compared(
    first: tuple[Run, HarvestPayload], tmp_path: Path
) -> None:
    """A class that it does not know is a row that it gets wrong."""
    run, candidate = first
    frame = DIGITS.drop_columns("target").to_pandas()
    target = DIGITS["target"].to_numpy()
    known = target < 5
    model = LogisticRegression(max_iter=5000).fit(frame[known], target[known])
    again = run.again("run-1", champion=by_hand(tmp_path, model, frame))
    payload = again.compare(candidate)
    assert payload.same_signature
    assert payload.metrics[0].p_pass < 0.001
    assert 0.3 < payload.metrics[0].champion < 0.6


def test_a_plain_onnx_champion_is_compared(tmp_path: Path) -> None:
    """One file without manifest, signature or our names: roles follow from its graph."""
    iris = table_of(testing.load_iris()).rename_columns([*testing.IRIS_COLUMNS, "target"])
    (tmp_path / "champion.onnx").write_bytes(testing.iris_onnx())
    digest = manifest.digest(testing.iris_onnx())
    champion = HarvestPayload(digest, f"file://{tmp_path}/champion.onnx", "onnx", 1)
    run = Run(tmp_path, champion=champion, parameters=LINEAR).with_rows(iris)
    payload = run.compare(run.trained(), metrics=[{**ACCURACY, "margin": 0.3}])
    assert payload.same_signature
    assert payload.metrics[0].champion > 0.9
    assert payload.metrics[0].p_pass < 0.05


def test_a_pickled_champion_is_compared_only_where_pickles_are_allowed(
    first: tuple[Run, HarvestPayload], tmp_path: Path
) -> None:
    """By the operator's setting, as the predictor serves it."""
    run, candidate = first
    frame = DIGITS.drop_columns("target").to_pandas()
    model = make_pipeline(FunctionTransformer(rooted), LogisticRegression(max_iter=5000))
    model.fit(frame, DIGITS["target"].to_numpy())
    artifact = publication.packed_estimator(model, None, Options(allow_unsafe_formats=True))
    found = publication.published(artifact, f"file://{tmp_path}", Access())
    champion = HarvestPayload(found.digest, found.uri, found.format, 1)

    class Trusting(Run):
        """A run whose step may open pickles."""

        workplace = replace(run.workplace, allow_unsafe_formats=True)

    known = {"candidateUri": candidate.uri, "candidateDigest": candidate.digest}
    asked = {**known, "goal": "NonInferior", "alpha": 0.05, "metrics": [ACCURACY]}
    again = run.again("run-1", champion=champion)
    assert again.step("compare", **asked).reason == Reason.UNSAFE_FORMAT
    payload = Trusting(run.folder, champion=champion).compare(candidate, metrics=[ACCURACY])
    assert payload.metrics[0].champion > 0.8


def test_regressions_are_compared_by_their_errors(tmp_path: Path) -> None:
    """Real rows, a champion of one column, a challenger of all."""
    table = pa.concat_tables([table_of(load_diabetes())] * 3)
    noise = np.random.default_rng(1).normal(size=table.num_rows)
    table = table.append_column("noise", pa.array(noise))
    run = Run(tmp_path, REGRESSION, parameters=LINEAR).with_rows(table)
    poor = run.again("poor", parameters={"max_iter": "1", "learning_rate": "0.01"}).trained()
    again = run.again("run-2", champion=poor)
    payload = again.compare(again.trained())
    assert [metric.name for metric in payload.metrics] == ["mae"]
    assert payload.metrics[0].p_pass < 0.001
    reverse = run.again(
        "poor", champion=HarvestPayload(payload.candidate_digest, _uri(run, payload), "onnx", 1)
    )
    assert reverse.compare(poor).metrics[0].p_fail < 0.001


def _uri(run: Run, payload: ComparePayload) -> str:
    return f"{run.output}/models/sha256/{payload.candidate_digest[7:]}"


def test_a_tiny_holdout_decides_nothing(tmp_path: Path) -> None:
    """Few rows give no p value at or below the level, whatever the models are."""
    run = Run(tmp_path, parameters={"max_iter": "5"}).with_rows(CANCER.slice(0, 150))
    champion = run.trained()
    again = run.again("run-2", champion=champion)
    payload = again.compare(again.trained())
    assert payload.rows < 50
    assert all(
        value is None or value > 0.05 for pair in numbers(payload).values() for value in pair
    )


def test_rows_that_the_champion_was_trained_on_are_dropped(tmp_path: Path) -> None:
    """By its newest train row; rows of one group count as one."""
    stamps = pa.array(np.arange(569.0))
    groups = pa.array([f"g{at // 3}" for at in range(569)])
    table = CANCER.append_column("at", stamps).append_column("who", groups)
    columns = {"label": "target", "time": "at", "group": "who"}
    shared = {"strategy": "Temporal", "groups": "Shared"}
    old = Run(
        tmp_path, parameters=LINEAR, columns=columns, split={**shared, "holdout": "100s"}
    ).with_rows(table)
    champion = old.trained()
    new = old.again("run-2", champion=champion, split={**shared, "holdout": "300s"})
    payload = new.compare(new.trained())
    assert (payload.rows, payload.groups) == (100, 34)


def test_a_challenger_of_another_task_is_refused(first: tuple[Run, HarvestPayload]) -> None:
    """The ModelDeployment serves a regression, the trainer made a classifier."""
    run, candidate = first
    known = {"candidateUri": candidate.uri, "candidateDigest": candidate.digest}
    asked = {**known, "goal": "NonInferior", "alpha": 0.05, "task": "regression"}
    result = run.step("compare", **asked)
    assert (result.outcome, result.reason) == ("Invalid", Reason.OTHER_SIGNATURE)


def test_a_metrics_direction_is_its_own_if_none_is_given() -> None:
    """A wrong one stays, so that the numbers can say so."""
    assert compare.MetricDocument("mae").metric().direction == "Minimize"
    assert compare.MetricDocument("mae", "Maximize").metric().direction == "Maximize"
    assert compare.MetricDocument("f1").metric().direction == ""


@pytest.mark.parametrize(
    ("length", "has_notes", "has_place"),
    [(10, True, True), (2000, False, True), (3900, False, False)],
)
def test_the_message_always_fits(length: int, *, has_notes: bool, has_place: bool) -> None:
    """Notes go first, then the place of the evidence; what decides stays."""
    metric = MetricResult("accuracy", "Maximize", *[-0.123456789] * 5, -0.01, 0.123456789, 0.1)
    metrics = (replace(metric, note="n" * 200),) * 5
    payload = ComparePayload(
        "sha256:" + "0" * 64, "sha256:" + "0" * 64, 9, 9, 0.05, metrics, "u" * length, "d"
    )
    fitted = compare._fitted(payload)  # noqa: SLF001  # no real run has a place of this length
    assert step.fits("compare", fitted)
    assert all(bool(each.note) is has_notes for each in fitted.metrics)
    assert bool(fitted.evidence_uri) is has_place
    assert [each.p_pass for each in fitted.metrics] == [0.123456789] * 5


def test_rows_without_an_answer_count_as_wrong(first: tuple[Run, HarvestPayload]) -> None:
    """An infinite value is refused by the codec: that row is lost for both models alike."""
    run, candidate = first
    again = run.again("run-9", champion=candidate)
    place = run.store / "runs/run-9/in/holdout/part-0.parquet"
    place.parent.mkdir(parents=True)
    table = DIGITS.slice(0, 200)
    broken = np.where(np.arange(200) < 50, np.inf, table["pixel_0_0"].to_numpy())
    place.write_bytes(tables.written(table.set_column(0, "pixel_0_0", pa.array(broken))))
    (accuracy,) = again.compare(candidate, metrics=[ACCURACY]).metrics
    assert accuracy.challenger == accuracy.champion <= 0.75
