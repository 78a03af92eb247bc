"""A model directory -> a loaded model: the very bytes that were verified go to the one loader.

One loader per declared format, first bytes must agree, no fallback to another. Libraries are
imported for their format only.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from perennial_serving.codec.tensors import Signature, parse_signature
from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import FORMATS, MANIFEST_NAME, ListedFile
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime import artifact
from perennial_serving.runtime.artifact import (
    FORMAT_JOBLIB,
    FORMAT_ONNX,
    FORMAT_SKOPS,
    SIGNATURE,
    WARMUP,
)
from perennial_serving.runtime.model import Model

_PICKLES = (b"\x80", b"\x78", b"\x1f\x8b", b"BZ", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")
_FIRST_BYTES: Mapping[str, tuple[bytes, ...]] = {
    FORMAT_ONNX: (b"\x08", b"\x12", b"\x1a", b"\x22", b"\x3a", b"\x42"),  # a ModelProto's fields
    FORMAT_SKOPS: (b"PK\x03\x04",),
    FORMAT_JOBLIB: _PICKLES,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What is allowed and expected; an empty digest or format means that none was given."""

    digest: str = ""
    declared_format: str = ""
    allow_unsafe_formats: bool = False
    threads: int = 1
    size_limit_bytes: int = 10 * 2**30


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model and what is known about its bytes; `warmup` holds bodies of requests."""

    model: Model
    digest: str
    format: str
    size_bytes: int
    warmup: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Contents:
    """The verified bytes of an artifact."""

    digest: str
    format: str
    model: bytes
    signature: Signature | None
    warmup: tuple[bytes, ...]


def load(directory: Path, options: Options) -> Loaded:
    """Return the model of a directory; Invalid says why it is refused."""
    if options.declared_format not in {"", *FORMATS}:
        message = f"format must be one of {', '.join(FORMATS)}"
        raise Invalid(Reason.FORMAT_MISMATCH, message)
    contents = _contents(directory, options)
    if options.digest and contents.digest != options.digest:
        raise Invalid(Reason.DIGEST_MISMATCH, "the model is not the one that was asked for")
    _check_format(contents, options)
    return Loaded(
        model=_LOADERS[contents.format](contents, options),
        digest=contents.digest,
        format=contents.format,
        size_bytes=len(contents.model),
        warmup=contents.warmup,
    )


def _contents(directory: Path, options: Options) -> _Contents:
    if (directory / MANIFEST_NAME).is_file():
        return _of_manifest(directory, options)
    paths = artifact.paths_below(directory)
    if not paths:
        raise Invalid(Reason.NOT_FOUND, "the model directory is empty")
    format_name = options.declared_format or FORMAT_ONNX
    if len(paths) == 1:
        model = read_file(directory, paths[0], limit_bytes=options.size_limit_bytes)
        return _Contents(manifest.digest(model), format_name, model, None, ())
    return _of_index(directory, paths, options)


def _of_manifest(directory: Path, options: Options) -> _Contents:
    """Read a described artifact; only files that the manifest lists count."""
    text = read_file(directory, MANIFEST_NAME, limit_bytes=manifest.MAX_MANIFEST_BYTES)
    described = artifact.parse_manifest(text)
    files = {file.path: file for file in described.files}
    limit = options.size_limit_bytes
    signature = _verified(directory, files.get(SIGNATURE), limit_bytes=limit)
    warmup = _verified(directory, files.get(WARMUP), limit_bytes=limit)
    return _Contents(
        digest=manifest.digest(text),
        format=described.format,
        model=_verified(directory, files[described.model], limit_bytes=limit),
        signature=parse_signature(signature) if signature else None,
        warmup=_requests(warmup) if warmup else (),
    )


def _of_index(directory: Path, paths: list[str], options: Options) -> _Contents:
    """Read a directory without a manifest: the model file is called `model.<format>`."""
    format_name = options.declared_format or FORMAT_ONNX
    name = f"model.{format_name}"
    if name not in paths:
        message = f"a directory without {MANIFEST_NAME} must hold {name}, or set spec.model.format"
        raise Invalid(Reason.NOT_FOUND, message)
    held: dict[str, bytes] = {}
    files = []
    for path in paths:
        data = read_file(directory, path, limit_bytes=options.size_limit_bytes)
        files.append(ListedFile(path, len(data), manifest.digest(data).removeprefix("sha256:")))
        if path in {name, SIGNATURE, WARMUP}:
            held[path] = data
    return _Contents(
        digest=artifact.index_digest(files),
        format=format_name,
        model=held[name],
        signature=parse_signature(held[SIGNATURE]) if SIGNATURE in held else None,
        warmup=_requests(held[WARMUP]) if WARMUP in held else (),
    )


def _verified(directory: Path, file: ListedFile | None, *, limit_bytes: int) -> bytes:
    """Return a file's bytes if they are those of the manifest; nothing for no file."""
    if file is None:
        return b""
    data = read_file(directory, file.path, limit_bytes=limit_bytes)
    if len(data) != file.size or manifest.digest(data) != f"sha256:{file.sha256}":
        raise Invalid(Reason.DIGEST_MISMATCH, f"{file.path} is not the file of the manifest")
    return data


def read_file(directory: Path, path: str, *, limit_bytes: int) -> bytes:
    """Return the bytes of a regular file below a directory; links are refused."""
    if path != MANIFEST_NAME:
        artifact.check_path(path)
    try:
        descriptor = os.open(directory / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Invalid(Reason.NOT_FOUND, f"{path} is missing in the model directory") from error
    except OSError as error:
        raise Invalid(Reason.UNSAFE_PATH, f"{path} is not a readable regular file") from error
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise Invalid(Reason.TOO_LARGE, f"{path} is larger than {limit_bytes} bytes")
    return data


def _requests(text: bytes) -> tuple[bytes, ...]:
    try:
        documents = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(Reason.WARMUP_FAILED, f"{WARMUP} is not a list of requests") from error
    return tuple(bytes(document) for document in documents)


def _check_format(contents: _Contents, options: Options) -> None:
    declared = options.declared_format
    if declared and declared != contents.format:
        message = f"spec.model.format is {declared}, the manifest says {contents.format}"
        raise Invalid(Reason.FORMAT_MISMATCH, message)
    if not contents.model.startswith(_FIRST_BYTES[contents.format]):
        message = f"the first bytes of the model file are not those of {contents.format}"
        raise Invalid(Reason.FORMAT_MISMATCH, message)
    if contents.format != FORMAT_JOBLIB:
        return
    if not options.allow_unsafe_formats:
        message = "joblib files run code when loaded; publish the model as skops or ONNX"
        raise Invalid(Reason.UNSAFE_FORMAT, message)
    if declared != FORMAT_JOBLIB or not options.digest:
        message = "joblib needs spec.model.format: joblib and spec.model.digest"
        raise Invalid(Reason.UNSAFE_FORMAT, message)


def _onnx(contents: _Contents, options: Options) -> Model:
    from perennial_serving.runtime.onnx import Onnx  # noqa: PLC0415  # imported for its format only

    return Onnx(contents.model, contents.signature, threads=options.threads)


def _skops(contents: _Contents, options: Options) -> Model:
    from perennial_serving.runtime import sklearn  # noqa: PLC0415  # imported for its format only

    limit = options.size_limit_bytes
    estimator = sklearn.load_skops(contents.model, size_limit_bytes=limit)
    return sklearn.Sklearn(estimator, contents.signature)


def _joblib(contents: _Contents, _options: Options) -> Model:
    from perennial_serving.runtime import sklearn  # noqa: PLC0415  # imported for its format only

    return sklearn.Sklearn(sklearn.load_joblib(contents.model), contents.signature)


_LOADERS: Mapping[str, Callable[[_Contents, Options], Model]] = {
    FORMAT_ONNX: _onnx,
    FORMAT_SKOPS: _skops,
    FORMAT_JOBLIB: _joblib,
}
