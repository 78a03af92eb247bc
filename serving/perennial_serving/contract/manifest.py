"""The lists of files that name a published model and a trainer's finished attempt.

A model's digest is the sha256 of its `manifest.json` bytes, so `encode` is canonical: equal
content gives equal bytes. Pure, standard library only; errors are ValueError with a sentence.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MANIFEST_NAME = "manifest.json"
FORMATS = ("onnx", "skops", "joblib")
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILES = 10_000
MAX_PATH_LENGTH = 512

_PART = re.compile(r"[A-Za-z0-9_+=@,-][A-Za-z0-9_+=@,. -]{0,199}")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class ListedFile:
    """One file: its path below the manifest's folder, its size in bytes and its sha256 (hex)."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a published model consists of; `model` is the path of the file that is loaded."""

    format: str
    model: str
    files: tuple[ListedFile, ...]

    def encode(self) -> bytes:
        """Return the canonical bytes of `manifest.json`."""
        return canonical_json(
            {"v": 1, "format": self.format, "model": self.model, "files": _rows(self.files)}
        )

    def total_bytes(self) -> int:
        """Return the size of all listed files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class AttemptManifest:
    """What one attempt of a trainer left behind; `result` is its `result.json`."""

    run_id: str
    attempt: int
    files: tuple[ListedFile, ...]
    result: Mapping[str, Any]

    def encode(self) -> bytes:
        """Return the canonical bytes of the attempt's `manifest.json`."""
        return canonical_json(
            {
                "v": 1,
                "runId": self.run_id,
                "attempt": self.attempt,
                "files": _rows(self.files),
                "result": dict(self.result),
            }
        )


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """Return the one JSON text that stands for this document.

    >>> canonical_json({"b": 1, "a": [None, 0.5]})
    b'{"a":[null,0.5],"b":1}'
    """
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def digest(data: bytes) -> str:
    """Return `sha256:<hex>` of these bytes.

    >>> digest(b"")[:15]
    'sha256:e3b0c442'
    """
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Return whether the text is `sha256:` and 64 lower-case hex digits."""
    return text.startswith("sha256:") and bool(_HEX_DIGEST.fullmatch(text[7:]))


def is_plain_path(path: str) -> bool:
    """Return whether the path is canonical, relative and stays below its folder.

    >>> [is_plain_path(path) for path in ("a/b.onnx", "/a", "../a", "a//b", "a/.", "manifest.json")]
    [True, False, False, False, False, False]
    """
    parts = path.split("/")
    if len(path) > MAX_PATH_LENGTH or path == MANIFEST_NAME:
        return False
    return all(_PART.fullmatch(part) for part in parts)


def parse(data: bytes) -> Manifest:
    """Read a model's `manifest.json`; ValueError says what is wrong with it."""
    document = _document(data)
    found = Manifest(
        format=_text(document, "format"),
        model=_text(document, "model"),
        files=_files(document),
    )
    if found.format not in FORMATS:
        message = "format must be one of " + ", ".join(FORMATS)
        raise ValueError(message)
    if found.model not in {file.path for file in found.files}:
        message = "the model file is not among the listed files"
        raise ValueError(message)
    return found


def parse_attempt(data: bytes) -> AttemptManifest:
    """Read the `manifest.json` of a trainer's attempt; ValueError says what is wrong with it."""
    document = _document(data)
    attempt, result = document.get("attempt"), document.get("result")
    if type(attempt) is not int or attempt < 1:
        message = "attempt must be a positive integer"
        raise ValueError(message)
    if not isinstance(result, dict):
        message = "result must be an object"
        raise ValueError(message)  # noqa: TRY004  # one error type for what a file says
    return AttemptManifest(
        run_id=_text(document, "runId"), attempt=attempt, files=_files(document), result=result
    )


def _rows(files: Iterable[ListedFile]) -> list[dict[str, Any]]:
    ordered = sorted(files, key=lambda file: file.path.encode())
    return [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in ordered]


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MANIFEST_BYTES:
        message = "the manifest is larger than 1 MiB"
        raise ValueError(message)
    try:
        document = json.loads(data)
    except RecursionError:
        document = None
    if not isinstance(document, dict) or document.get("v") != 1:
        message = 'the manifest must be a JSON object with "v": 1'
        raise ValueError(message)
    return document


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        message = f"{key} must be a text"
        raise ValueError(message)
    return value


def _files(document: Mapping[str, Any]) -> tuple[ListedFile, ...]:
    rows = document.get("files")
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_FILES:
        message = f"files must list 1 to {MAX_FILES} files"
        raise ValueError(message)
    files = tuple(_file(row) for row in rows)
    if len({file.path for file in files}) != len(files):
        message = "files lists a path twice"
        raise ValueError(message)
    return files


def _file(row: object) -> ListedFile:
    match row:
        case {"path": str(path), "size": int(size), "sha256": str(sha256)}:
            pass
        case _:
            message = "each file needs path, size and sha256"
            raise ValueError(message)
    if not is_plain_path(path):
        message = "a listed path is not a plain relative path"
        raise ValueError(message)
    if isinstance(size, bool) or size < 0 or not _HEX_DIGEST.fullmatch(sha256):
        message = "each file needs a size of at least 0 and a sha256 of 64 hex digits"
        raise ValueError(message)
    return ListedFile(path, size, sha256)
