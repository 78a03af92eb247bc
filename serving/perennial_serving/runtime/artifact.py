"""Model artifacts on disk: the files beside the model, their paths, and digests without a manifest.

Digest of an artifact: that of its `manifest.json`; of a single file its bytes; of a directory
without a manifest the index `<sha256> <size> <path>` sorted by path.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME, ListedFile, Manifest
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

SIGNATURE = "signature.json"
WARMUP = "warmup.json"

FORMAT_ONNX = "onnx"
FORMAT_SKOPS = "skops"
FORMAT_JOBLIB = "joblib"

_CHUNK_BYTES = 2**20


def check_path(path: str) -> None:
    """Refuse a path that could leave its directory or hide in it."""
    if not manifest.is_plain_path(path):
        message = "a file's path must be plain and relative, without hidden parts"
        raise Invalid(Reason.UNSAFE_PATH, message)


def parse_manifest(text: bytes) -> Manifest:
    """Return the manifest; Invalid if its form, a path or a hash is wrong."""
    try:
        described = manifest.parse(text)
    except ValueError as error:
        # Of all findings, an unplain path has a reason of its own: it may be an attack.
        reason = Reason.UNSAFE_PATH if "path is not" in str(error) else Reason.MANIFEST_INVALID
        raise Invalid(reason, str(error), field=MANIFEST_NAME) from error
    paths = {file.path.casefold() for file in described.files}
    if len(paths) != len(described.files) or any(_is_inside(path, paths) for path in paths):
        message = "two paths would be the same file on some disk, or one is inside the other"
        raise Invalid(Reason.UNSAFE_PATH, message, field=MANIFEST_NAME)
    return described


def build_manifest(directory: Path, *, format_name: str, model: str) -> bytes:
    """Return the manifest of all files below a directory, except a manifest itself."""
    files = tuple(sorted(listed(directory, path) for path in paths_below(directory)))
    text = Manifest(format=format_name, model=model, files=files).encode()
    parse_manifest(text)
    return text


def paths_below(directory: Path) -> list[str]:
    """Return the relative paths of the files below a directory, except its manifest."""
    files = (file for file in directory.rglob("*") if file.is_file())
    paths = (file.relative_to(directory).as_posix() for file in files)
    return sorted(path for path in paths if path != MANIFEST_NAME)


def listed(directory: Path, path: str) -> ListedFile:
    """Return one file's line in a manifest, in fixed memory."""
    digest = hashlib.sha256()
    size = 0
    with (directory / path).open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return ListedFile(path, size, digest.hexdigest())


def index_digest(files: Iterable[ListedFile]) -> str:
    """Return the digest of a directory that has no manifest.

    >>> index_digest([])[:15]
    'sha256:e3b0c442'
    """
    ordered = sorted(files, key=lambda file: file.path.encode())
    lines = (f"{file.sha256} {file.size} {file.path}\n" for file in ordered)
    return manifest.digest("".join(lines).encode())


def _is_inside(path: str, others: set[str]) -> bool:
    """Say whether a folder of the path is itself listed as a file."""
    parts = path.split("/")
    return any("/".join(parts[:count]) in others for count in range(1, len(parts)))
