"""Step `upload`, a native sidecar of the trainer: hands back what the trainer wrote.

It waits for `result.json` or the Pod's end, hashes and uploads the files, and writes
`manifest.json` last. Without `result.json` there is no manifest: the attempt has no result.
"""

from functools import partial
from pathlib import Path

import msgspec

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME, AttemptManifest, ListedFile
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.retry import persistently
from perennial_serving.jobs import step
from perennial_serving.jobs.step import Workplace
from perennial_serving.runtime import artifact

RESULT = "result.json"
RESULT_LIMIT_BYTES = 64 * 2**10
POLL_SECONDS = 0.2
REST_SECONDS = 3600.0


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The step's input."""

    run_id: str
    attempt: int
    output: str


def run(document: Document, workplace: Workplace) -> None:
    """Upload once there is a result; stay until the Pod ends."""
    is_over = False
    while not (workplace.outputs / RESULT).is_file() and not is_over:
        is_over = workplace.is_over(POLL_SECONDS)
    if (workplace.outputs / RESULT).is_file():
        _upload(document, workplace)
    while not is_over:
        is_over = workplace.is_over(REST_SECONDS)


def attempt_place(output: str, run_id: str, attempt: int) -> str:
    """Return the prefix of an attempt's files."""
    return f"{step.run_place(output, run_id)}/a{attempt}"


def _upload(document: Document, workplace: Workplace) -> None:
    folder = workplace.outputs
    result = _result(folder / RESULT)
    files = _files(folder)
    listed = AttemptManifest(document.run_id, document.attempt, files, result)
    store = workplace.store(attempt_place(document.output, document.run_id, document.attempt))
    for file in files:
        persistently(partial(store.upload, file.path, folder / file.path))
    step.write(store, MANIFEST_NAME, listed.encode())


def _result(path: Path) -> dict[str, object]:
    data = path.read_bytes()
    if len(data) > RESULT_LIMIT_BYTES:
        raise Invalid(Reason.RESULT_CORRUPT, "result.json is larger than 64 KiB")
    result = step.parsed(data)
    if not result:
        raise Invalid(Reason.RESULT_CORRUPT, "result.json is not a JSON object")
    return dict(result)


def _files(folder: Path) -> tuple[ListedFile, ...]:
    """Return the trainer's files; links and odd names are refused, not followed."""
    paths = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    if len(paths) > manifest.MAX_FILES:
        message = f"the trainer wrote more than {manifest.MAX_FILES} files"
        raise Invalid(Reason.RESULT_CORRUPT, message)
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    for name in names:
        if not manifest.is_plain_path(name) or not (folder / name).is_file():
            message = "the trainer wrote a file whose path is not plain and relative"
            raise Invalid(Reason.RESULT_CORRUPT, message)
        if (folder / name).is_symlink():
            raise Invalid(Reason.RESULT_CORRUPT, "the trainer wrote a link; write files")
    return tuple(artifact.listed(folder, name) for name in names)
