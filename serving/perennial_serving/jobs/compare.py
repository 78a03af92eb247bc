"""Step `compare`: challenger and champion on the same held-out rows, as live traffic would ask.

It measures and writes the evidence; the operator makes the verdict.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perennial_serving.codec.tensors import TASK_CLASSIFICATION, Array, Signature
from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME
from perennial_serving.contract.results import ComparePayload, MetricResult, Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch import download
from perennial_serving.jobs import check_data, step
from perennial_serving.jobs.data import predictions, split, tables
from perennial_serving.jobs.packing.artifact import RUN
from perennial_serving.jobs.step import Roles, Workplace
from perennial_serving.runtime import load
from perennial_serving.runtime.model import Model
from perennial_serving.stats import paired_tests
from perennial_serving.stats.questions import (
    ABSOLUTE,
    DIRECTIONS,
    ClassRows,
    ClassScores,
    Metric,
    NumberRows,
    Question,
    Rows,
)

NAME = "compare"
LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "scipy")


class MetricDocument(msgspec.Struct, frozen=True, rename="camel"):
    """One metric that the spec asks for."""

    name: str
    direction: str = ""
    margin: float = 0.01
    margin_type: str = ABSOLUTE
    gain: float = 0.0
    floor: float | None = None

    def metric(self) -> Metric:
        """Return the question's metric; without a direction it is the metric's own."""
        return Metric(
            name=self.name,
            direction=self.direction or DIRECTIONS.get(self.name, ""),
            margin=self.margin,
            margin_type=self.margin_type,
            gain=self.gain,
            floor=self.floor,
        )


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The step's input."""

    run_id: str
    attempt: int
    output: str
    candidate_uri: str
    candidate_digest: str
    columns: Roles
    task: str
    goal: str
    alpha: float
    champion_uri: str = ""
    champion_digest: str = ""
    features: tuple[str, ...] = ()
    metrics: tuple[MetricDocument, ...] = ()
    max_rows: int = 200_000
    spec_digest: str = ""
    data_digest: str = ""
    holdout_digest: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """A loaded model, its signature with column names, and the end of its training data."""

    model: Model
    signature: Signature
    train_end: float | None


@dataclass(frozen=True, slots=True)
class _Holdout:
    """The held-out rows that both models answer."""

    table: pa.Table
    features: Mapping[str, Array]
    groups: NDArray[np.int64] | None


def run(document: Document, workplace: Workplace) -> ComparePayload:
    """Measure every metric, write the evidence and return its digest with the numbers."""
    held = _holdout_table(document, workplace)
    features = document.features or document.columns.features(held.column_names)
    challenger = _contender(document, workplace, features, is_champion=False)
    champion = None
    if document.champion_uri:
        champion = _contender(document, workplace, features, is_champion=True)
    is_alike = champion is None or _alike(challenger.signature, champion.signature)
    rows = _usable(document, held, features, champion=champion if is_alike else None)
    scored = _scored(document, rows, (challenger, champion if is_alike else None))
    metrics = _measured(document, scored)
    payload = ComparePayload(
        candidate_digest=document.candidate_digest,
        champion_digest=document.champion_digest if champion else "",
        rows=rows.table.num_rows,
        groups=rows.table.num_rows if rows.groups is None else len(np.unique(rows.groups)),
        alpha=document.alpha,
        metrics=metrics,
        evidence_uri="",
        evidence_digest="",
        same_signature=is_alike,
    )
    return _fitted(_with_evidence(document, workplace, payload))


def _holdout_table(document: Document, workplace: Workplace) -> pa.Table:
    """Return the held-out rows of the run, if they are those that were pinned."""
    place = f"{step.run_place(document.output, document.run_id)}/in"
    data = step.read(workplace.store(place), check_data.HOLDOUT)
    if document.holdout_digest and manifest.digest(data) != document.holdout_digest:
        message = "the held-out rows are not those that were pinned"
        raise Invalid(Reason.SNAPSHOT_EXPIRED, message)
    table = tables.read(data, tables.PARQUET)
    tables.check_present(table, document.columns.names())
    return table


def _contender(
    document: Document, workplace: Workplace, features: Sequence[str], *, is_champion: bool
) -> Contender:
    """Fetch a model by its digest and load it as the predictor does."""
    uri = document.champion_uri if is_champion else document.candidate_uri
    digest = document.champion_digest if is_champion else document.candidate_digest
    purpose = "model" if is_champion else "output"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limits = download.Limits(workplace.max_model_bytes)
        access = workplace.access(purpose)
        download.download(uri, folder, access, limits=limits, digest=digest)
        loaded = load.load(folder, _options(folder, digest, workplace))
        facts = step.parsed((folder / RUN).read_bytes() if (folder / RUN).is_file() else None)
    end = facts.get("trainEnd")
    return Contender(
        model=loaded.model,
        signature=predictions.named(loaded.model.signature, features),
        train_end=float(end) if isinstance(end, int | float) else None,
    )


def _options(folder: Path, digest: str, workplace: Workplace) -> load.Options:
    """Return how to load a model; a pickle counts as declared where the setting allows it."""
    listed = folder / MANIFEST_NAME
    declared = ""
    if workplace.allow_unsafe_formats and listed.is_file():
        declared = manifest.parse(listed.read_bytes()).format
    return load.Options(
        digest=digest,
        declared_format=declared,
        allow_unsafe_formats=workplace.allow_unsafe_formats,
        threads=workplace.threads,
        size_limit_bytes=workplace.max_model_bytes,
    )


def _alike(one: Signature, other: Signature) -> bool:
    """Return whether both models take the same columns for the same kind of answer."""
    return (
        _kinds(one) == _kinds(other)
        and predictions.task_of(one) == predictions.task_of(other) != ""
    )


def _kinds(signature: Signature) -> set[tuple[str, bool]]:
    return {
        (name, spec.datatype == "BYTES")
        for spec in signature.inputs
        for name in spec.columns or (spec.name,)
    }


def _usable(
    document: Document, held: pa.Table, features: Sequence[str], *, champion: Contender | None
) -> _Holdout:
    """Drop rows that the champion was trained on, and take a sample that is always the same."""
    roles = document.columns
    if champion is not None and champion.train_end is not None and roles.time:
        unseen = split.seconds(held, roles.time) > champion.train_end
        held = held.filter(pa.array(unseen))
    ids = split.row_ids(held, roles.id)
    chosen = held.take(pa.array(split.sample(ids, document.max_rows)))
    groups = None
    if roles.group:
        names = tables.texts(chosen, roles.group)
        groups = np.unique(names.astype(np.str_), return_inverse=True)[1].astype(np.int64)
    return _Holdout(chosen, tables.feature_columns(chosen, features), groups)


def _scored(
    document: Document, rows: _Holdout, contenders: tuple[Contender, Contender | None]
) -> Rows:
    """Return both models' answers to all rows."""
    challenger, champion = contenders
    if predictions.task_of(challenger.signature) != document.task:
        message = f"the challenger does not answer a {document.task}"
        raise Invalid(Reason.OTHER_SIGNATURE, message)
    if document.task != TASK_CLASSIFICATION:
        return NumberRows(
            truth=tables.numbers(rows.table, document.columns.label),
            challenger=_numbers(challenger, rows),
            champion=None if champion is None else _numbers(champion, rows),
            groups=rows.groups,
        )
    labels = [
        predictions.text(label)
        for label in tables.labels(rows.table, document.columns.label).tolist()
    ]
    classes = _classes(labels, contenders)
    codes = {name: code for code, name in enumerate(classes)}
    return ClassRows(
        truth=np.array([codes[label] for label in labels], dtype=np.int64),
        challenger=_classified(challenger, rows, classes),
        champion=None if champion is None else _classified(champion, rows, classes),
        groups=rows.groups,
    )


def _classes(labels: Sequence[str], contenders: Sequence[Contender | None]) -> list[str]:
    """Return all classes that a model or a row knows, in the challenger's order."""
    known = [
        predictions.text(value)
        for contender in contenders
        if contender is not None
        for value in contender.signature.classes
    ]
    return list(dict.fromkeys([*known, *sorted(set(labels))]))


def _classified(contender: Contender, rows: _Holdout, classes: Sequence[str]) -> ClassScores:
    found = predictions.answers(contender.model, contender.signature, rows.features)
    return ClassScores(
        labels=predictions.class_labels(found, contender.signature, classes),
        probabilities=predictions.class_probabilities(found, contender.signature, classes),
    )


def _numbers(contender: Contender, rows: _Holdout) -> NDArray[np.float64]:
    found = predictions.answers(contender.model, contender.signature, rows.features)
    return predictions.predictions(found, contender.signature)


def _measured(document: Document, scored: Rows) -> tuple[MetricResult, ...]:
    metrics = tuple(entry.metric() for entry in document.metrics) or scored.defaults()
    return tuple(
        paired_tests.measure(scored, Question(metric, document.goal, document.alpha))
        for metric in metrics
    )


def _fitted(payload: ComparePayload) -> ComparePayload:
    """Return the payload as its message holds it: notes go, then the place of the evidence.

    The evidence has both, and follows from the output and its digest.
    """
    silent = replace(payload, metrics=tuple(replace(each, note="") for each in payload.metrics))
    tried = (payload, silent, replace(silent, evidence_uri=""))
    return next((each for each in tried if step.fits(NAME, each)), tried[-1])


def _with_evidence(
    document: Document, workplace: Workplace, payload: ComparePayload
) -> ComparePayload:
    """Write the evidence under its own digest and return the payload that names it."""
    evidence: dict[str, Any] = {
        "v": 1,
        "runId": document.run_id,
        "attempt": document.attempt,
        "candidate": {"digest": document.candidate_digest, "uri": document.candidate_uri},
        "champion": {"digest": payload.champion_digest, "uri": document.champion_uri},
        "dataDigest": document.data_digest,
        "holdoutDigest": document.holdout_digest,
        "specDigest": document.spec_digest,
        "image": document.image,
        "task": document.task,
        "goal": document.goal,
        "alpha": document.alpha,
        "rows": payload.rows,
        "groups": payload.groups,
        "sameSignature": payload.same_signature,
        "metrics": [asdict(metric) for metric in payload.metrics],
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    data = manifest.canonical_json(evidence)
    digest = manifest.digest(data)
    place = f"{document.output.rstrip('/')}/evidence/sha256"
    name = f"{digest.removeprefix('sha256:')}.json"
    step.write(workplace.store(place), name, data)
    return replace(payload, evidence_uri=f"{place}/{name}", evidence_digest=digest)
