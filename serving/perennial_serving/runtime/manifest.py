"""The manifest of an artifact: which files it holds, and the digest that names them all.

Digest of an artifact: `sha256:` and the hash of the manifest's bytes; of a single file its bytes;
of a directory without a manifest the index `<sha256> <size> <path>` sorted by path.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
WARMUP = "warmup.json"

FORMAT_ONNX = "onnx"
FORMAT_SKOPS = "skops"
FORMAT_JOBLIB = "joblib"
FORMATS = (FORMAT_ONNX, FORMAT_SKOPS, FORMAT_JOBLIB)

FILES_LIMIT = 10_000
MANIFEST_LIMIT_BYTES = 4 * 2**20
_DEPTH_LIMIT = 8
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@-]{0,127}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class File:
    """One file of an artifact."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parsed `manifest.json`."""

    format: str
    model: str
    files: tuple[File, ...]


class _FileDocument(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    size: int
    sha256: str


class _ManifestDocument(msgspec.Struct, forbid_unknown_fields=True):
    v: Literal[1]
    format: str
    model: str
    files: list[_FileDocument]


def digest_of(data: bytes) -> str:
    """Return the digest of some bytes.

    >>> digest_of(b"")[:14]
    'sha256:e3b0c44'
    """
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Say whether the text is a digest in canonical form."""
    return _DIGEST.fullmatch(text) is not None


def check_path(path: str) -> None:
    """Refuse a path that could leave its directory or hide in it."""
    segments = path.split("/")
    if len(segments) > _DEPTH_LIMIT or not all(_SEGMENT.fullmatch(part) for part in segments):
        message = (
            "a file's path must be relative and plain: letters, digits and ._+=@- in each part, "
            "none starting with a dot"
        )
        raise Invalid(Reason.UNSAFE_PATH, message)


def parse(text: bytes) -> Manifest:
    """Return the manifest; Invalid if its form, a path or a hash is wrong."""
    if len(text) > MANIFEST_LIMIT_BYTES:
        finding = "it is larger than any manifest of ours"
        raise _invalid(finding)
    try:
        document = msgspec.json.decode(text, type=_ManifestDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        finding = "it is not of the documented form"
        raise _invalid(finding) from error
    manifest = Manifest(
        format=document.format,
        model=document.model,
        files=tuple(File(file.path, file.size, file.sha256) for file in document.files),
    )
    _check(manifest)
    return manifest


def encode(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest, the same for equal manifests."""
    document = {"v": 1, **asdict(manifest)}
    document["files"] = sorted(document["files"], key=lambda file: str(file["path"]))
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def build(directory: Path, *, format_name: str, model: str) -> bytes:
    """Return the manifest of all files below a directory, except a manifest itself."""
    paths = sorted(file for file in directory.rglob("*") if file.is_file())
    files = tuple(
        File(path.relative_to(directory).as_posix(), path.stat().st_size, sha256_of(path))
        for path in paths
        if path != directory / MANIFEST
    )
    manifest = Manifest(format=format_name, model=model, files=files)
    _check(manifest)
    return encode(manifest)


def index_digest(files: Iterable[File]) -> str:
    """Return the digest of a directory that has no manifest."""
    ordered = sorted(files, key=lambda file: file.path.encode())
    lines = (f"{file.sha256} {file.size} {file.path}\n" for file in ordered)
    return digest_of("".join(lines).encode())


def sha256_of(path: Path) -> str:
    """Return the hash of a file in fixed memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _check(manifest: Manifest) -> None:
    for file in manifest.files:
        check_path(file.path)
    if finding := _finding(manifest):
        raise _invalid(finding)


def _finding(manifest: Manifest) -> str:
    paths = {file.path for file in manifest.files}
    folded = {path.casefold() for path in paths}
    if len(manifest.files) > FILES_LIMIT:
        return f"it lists more than {FILES_LIMIT} files"
    if len(folded) != len(manifest.files) or MANIFEST in folded:
        return "it lists a path twice, or itself"
    if any(_is_inside(path, folded) for path in folded):
        return "it lists a path both as a file and as a folder"
    if any(file.size < 0 or not _SHA256.fullmatch(file.sha256) for file in manifest.files):
        return "a size or hash is impossible"
    if manifest.format not in FORMATS:
        return f"format must be one of {', '.join(FORMATS)}"
    if manifest.model not in paths:
        return "its model file is not among its files"
    return ""


def _is_inside(path: str, others: set[str]) -> bool:
    """Say whether a folder of the path is itself listed as a file."""
    parts = path.split("/")
    return any("/".join(parts[:count]) in others for count in range(1, len(parts)))


def _invalid(finding: str) -> Invalid:
    return Invalid(Reason.MANIFEST_INVALID, f"{MANIFEST}: {finding}")
