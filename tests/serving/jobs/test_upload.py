"""What a trainer wrote is handed back whole, its manifest last; nothing is handed back half."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from perennial_serving.contract import manifest
from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.jobs.testing import Run

RESULT = {"v": 1, "model": "model.skops", "format": "skops"}


def upload(run: Run, is_over: Callable[[float], bool] = lambda _seconds: True) -> Result:
    """Run the sidecar; by default the Pod is told to stop at once."""

    class Waiting(Run):
        """A run whose Pod ends as told."""

        workplace = replace(run.workplace, is_over=is_over)

    return Waiting(run.folder).step("upload")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run whose trainer wrote a model in a folder, and nothing else yet."""
    made = Run(tmp_path)
    (made.workplace.outputs / "parts").mkdir(parents=True)
    (made.workplace.outputs / "model.skops").write_bytes(b"model")
    (made.workplace.outputs / "parts/notes.txt").write_bytes(b"notes")
    return made


def finish(run: Run, text: str = json.dumps(RESULT)) -> None:
    """Write the trainer's result."""
    (run.workplace.outputs / "result.json").write_text(text)


def attempt(run: Run) -> Path:
    """Return the folder of the attempt in the store."""
    return run.store / "runs/run-1/a1"


def test_all_files_are_uploaded_and_listed(run: Run) -> None:
    """The manifest lists each with its size and hash, and carries the result."""
    finish(run)
    assert upload(run).outcome is Outcome.OK
    listed = manifest.parse_attempt((attempt(run) / "manifest.json").read_bytes())
    assert (listed.run_id, listed.attempt, listed.result) == ("run-1", 1, RESULT)
    for file in listed.files:
        data = (attempt(run) / file.path).read_bytes()
        assert (len(data), manifest.digest(data)) == (file.size, f"sha256:{file.sha256}")
    assert {file.path for file in listed.files} == {
        "model.skops",
        "parts/notes.txt",
        "result.json",
    }


def test_without_a_result_there_is_no_manifest(run: Run) -> None:
    """A trainer that was killed handed nothing back; the sidecar itself ends well."""
    assert upload(run).outcome is Outcome.OK
    assert not attempt(run).exists()


def test_the_sidecar_waits_for_the_result_and_then_for_the_end(run: Run) -> None:
    """It looks again and again; after the upload it stays until the Pod is told to stop."""
    waits: list[float] = []

    def is_over(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 3:
            finish(run)
        return len(waits) == 5

    assert upload(run, is_over).outcome is Outcome.OK
    assert waits == [0.2, 0.2, 0.2, 3600.0, 3600.0]
    assert (attempt(run) / "manifest.json").is_file()


def test_a_result_that_comes_with_the_end_is_still_handed_back(run: Run) -> None:
    """The trainer ended a moment before the sidecar was told to."""

    def is_over(_seconds: float) -> bool:
        finish(run)
        return True

    assert upload(run, is_over).outcome is Outcome.OK
    assert (attempt(run) / "manifest.json").is_file()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"x": "y" * 70_000})])
def test_a_broken_result_is_refused(run: Run, text: str) -> None:
    """No manifest is written, so the attempt has no result."""
    finish(run, text)
    result = upload(run)
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.RESULT_CORRUPT)
    assert not (attempt(run) / "manifest.json").exists()


@pytest.mark.parametrize("name", [".hidden", "sub/manifest.json/..x", "ümlaut", "a\nb"])
def test_odd_names_are_refused(run: Run, name: str) -> None:
    """What another system could read differently is not uploaded."""
    path = run.workplace.outputs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    finish(run)
    assert upload(run).reason == Reason.RESULT_CORRUPT


@pytest.mark.parametrize("target", ["/etc/hostname", "model.skops", "nowhere"])
def test_links_are_refused(run: Run, target: str) -> None:
    """A link could hand back a file that the trainer may not read elsewhere."""
    (run.workplace.outputs / "link").symlink_to(target)
    finish(run)
    result = upload(run)
    assert result.reason == Reason.RESULT_CORRUPT
    assert not attempt(run).exists()


def test_too_many_files_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest has a limit; it is known before the upload."""
    monkeypatch.setattr(manifest, "MAX_FILES", 2)
    finish(run)
    assert "more than 2 files" in upload(run).message
