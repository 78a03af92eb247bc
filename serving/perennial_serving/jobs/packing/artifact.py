"""A fitted model -> the files of its artifact: converted if that is proved, else as trained.

Equal input gives equal bytes: nothing here reads a clock or a random source.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from perennial_serving.codec import columns as codec_columns
from perennial_serving.codec.tensors import Array, Signature, TensorSpec, signature_document
from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import ListedFile, Manifest
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import predictions
from perennial_serving.jobs.packing import boundary, convert, equivalence, signature
from perennial_serving.jobs.packing.equivalence import Limits, Proof, Side, Trial
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.runtime.artifact import FORMAT_ONNX, SIGNATURE, WARMUP
from perennial_serving.runtime.onnx import Onnx
from perennial_serving.runtime.sklearn import Sklearn, signature_of

CONVERSION = "conversion.json"
RUN = "run.json"
AUTO = "Auto"
WARMUP_ROWS = 8
LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")


@dataclass(frozen=True, slots=True)
class Native:
    """A model as its trainer wrote it."""

    estimator: Any
    data: bytes
    format: str


@dataclass(frozen=True, slots=True)
class Packed:
    """An artifact in memory, and why it was not converted (empty if it was, or was not asked)."""

    files: Mapping[str, bytes]
    format: str
    model: str
    note: str = ""

    def manifest(self) -> bytes:
        """Return the bytes of `manifest.json`."""
        files = tuple(
            ListedFile(path, len(data), manifest.digest(data).removeprefix("sha256:"))
            for path, data in self.files.items()
        )
        return Manifest(self.format, self.model, files).encode()

    def size_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(len(data) for data in self.files.values())


@dataclass(frozen=True, slots=True)
class Wish:
    """What the artifact should be: Auto converts where that is proved; a format is demanded."""

    format: str = AUTO
    limits: Limits = field(default_factory=Limits)
    run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Model:
    """A native model with its signature and rows."""

    native: Native
    described: Signature
    sample: Sample


def pack(native: Native, sample: Sample, wish: Wish, *, given: Signature | None = None) -> Packed:
    """Return the artifact of a fitted scikit-learn model, proved on the sample's rows.

    `given` is a signature that the trainer wrote itself.
    """
    described = given or signature.of_estimator(native.estimator, sample)
    model = _Model(native, described, sample)
    if wish.format not in {AUTO, FORMAT_ONNX}:
        return _as_trained(model, wish, note="", tried=())
    tried: list[Mapping[str, Any]] = []
    for candidate in convert.candidates(native.estimator, described):
        if isinstance(candidate, convert.Failure):
            tried.append({"method": candidate.method, "why": candidate.why})
            continue
        for form in _forms(candidate, sample):
            proof = _proof(model, form, wish.limits)
            tried.append({"method": form.method, **asdict(proof)})
            if not proof.why:
                return _converted(model, form, wish, tried=tried)
    note = str(tried[-1]["why"])
    if wish.format == FORMAT_ONNX:
        raise Invalid(Reason.NOT_EQUIVALENT, f"no ONNX form answers as the model does: {note}")
    return _as_trained(model, wish, note=note, tried=tried)


def pack_unproved(native: Native, wish: Wish) -> Packed:
    """Return the artifact of a model without rows to prove a conversion on: it stays as it is."""
    if wish.format == FORMAT_ONNX:
        message = "a conversion is proved on rows; give a sample of the training data"
        raise Invalid(Reason.NOT_EQUIVALENT, message)
    described = signature_of(native.estimator)
    note = "" if wish.format == native.format else "no rows to prove a conversion on"
    name = f"model.{native.format}"
    record = {"v": 1, "format": native.format, "method": "none", "why": note}
    files = {name: native.data} | _described(described, record, wish)
    return Packed(files, native.format, name, note)


def _forms(candidate: convert.Candidate, sample: Sample) -> Iterator[convert.Candidate]:
    """Yield the candidate, and once more without missing values if no row of the sample has one.

    Some converters do not know what their model does with a missing value. A model that never saw
    one may refuse it instead.
    """
    yield candidate
    takes_missing = any(spec.missing for spec in candidate.signature.inputs)
    if takes_missing and not any(_has_missing(column) for column in sample.columns.values()):
        inputs = tuple(replace(spec, missing=False) for spec in candidate.signature.inputs)
        described = replace(candidate.signature, inputs=inputs)
        yield replace(
            candidate, signature=described, method=f"{candidate.method}, missing values refused"
        )


def _has_missing(column: Array) -> bool:
    return column.dtype.kind == "f" and bool(np.isnan(column).any())


def pack_onnx(data: bytes, sample: Sample | None, wish: Wish, *, given: Signature | None) -> Packed:
    """Return the artifact of an ONNX model as it is; with a sample its columns get names."""
    model = Onnx(data, given)
    names = () if sample is None else sample.names
    described = given or signature.of_onnx(data, model.signature, names)
    record = {"v": 1, "format": FORMAT_ONNX, "method": "none", "tried": []}
    files = {f"model.{FORMAT_ONNX}": data} | _described(described, record, wish)
    if sample is not None:
        files |= warmup(described, sample)
    return Packed(files, FORMAT_ONNX, f"model.{FORMAT_ONNX}")


def warmup(described: Signature, sample: Sample) -> dict[str, bytes]:
    """Return `warmup.json`: one request with the first rows that the codec takes; none if none."""
    wanted = predictions.named(described, sample.names)
    fine, columns = predictions.prepared(wanted, sample.columns)
    rows = np.flatnonzero(fine)[:WARMUP_ROWS]
    if not rows.size:
        return {}
    chosen = {name: column[rows] for name, column in columns.items()}
    inputs = codec_columns.from_columns(wanted, chosen)
    return {
        WARMUP: _json([{"inputs": [_tensor(spec, inputs[spec.name]) for spec in wanted.inputs]}])
    }


def _tensor(spec: TensorSpec, array: Array) -> dict[str, Any]:
    """Return one tensor of a request; JSON has no NaN, so a missing number is null."""
    values = [
        None if isinstance(value, float) and np.isnan(value) else value
        for value in array.ravel().tolist()
    ]
    return {
        "name": spec.name,
        "datatype": spec.datatype,
        "shape": list(array.shape),
        "data": values,
    }


def _proof(model: _Model, candidate: convert.Candidate, limits: Limits) -> Proof:
    """Load both models as they would be served, and measure."""
    real = model.sample.take(slice(0, equivalence.MAX_REAL_ROWS))
    beside = boundary.beside(model.native.estimator, candidate.signature, real)
    real = real.joined(boundary.odd(candidate.signature, real))
    source = Side(Sklearn(model.native.estimator, model.described), model.described)
    try:
        loaded = Onnx(candidate.data, candidate.signature)
    except Invalid as error:
        return Proof(why=f"the converted model does not load: {error.reason}")
    return equivalence.prove(source, Side(loaded, candidate.signature), Trial(real, beside, limits))


def _as_trained(
    model: _Model, wish: Wish, *, note: str, tried: Sequence[Mapping[str, Any]]
) -> Packed:
    """Return the artifact that serves the model as trained."""
    native = model.native
    name = f"model.{native.format}"
    record = {"v": 1, "format": native.format, "method": "none", "why": note, "tried": list(tried)}
    files = {name: native.data} | warmup(model.described, model.sample)
    return Packed(files | _described(model.described, record, wish), native.format, name, note)


def _described(described: Signature, record: Mapping[str, Any], wish: Wish) -> dict[str, bytes]:
    libraries = {name: version(name) for name in LIBRARIES}
    return {
        SIGNATURE: _json(signature_document(described)),
        CONVERSION: _json({**record, "libraries": libraries}),
        RUN: _json({**wish.run, "v": 1, "classes": list(described.classes)}),
    }


def _converted(
    model: _Model, candidate: convert.Candidate, wish: Wish, *, tried: Sequence[Mapping[str, Any]]
) -> Packed:
    """Return the artifact that serves the ONNX form, with the source and the proof beside it."""
    record = {
        "v": 1,
        "format": FORMAT_ONNX,
        "method": candidate.method,
        "tried": list(tried),
        "sourceDigest": manifest.digest(model.native.data),
        "modelDigest": manifest.digest(candidate.data),
    }
    files = {
        f"model.{FORMAT_ONNX}": candidate.data,
        f"source.{model.native.format}": model.native.data,
    }
    files |= warmup(candidate.signature, model.sample)
    files |= _described(candidate.signature, record, wish)
    return Packed(files, FORMAT_ONNX, f"model.{FORMAT_ONNX}")


def _json(document: Any) -> bytes:  # noqa: ANN401  # a JSON document
    return json.dumps(document, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"
