"""A step ends with one message and an exit code; all steps together retrain a model."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from perennial_serving import jobs
from perennial_serving.contract import results
from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.jobs.testing import Run, good, table_of
from perennial_serving.settings import Settings

OWN_TRAINER = """
import json, os, pathlib
import pyarrow.parquet as pq
import skops.io
from sklearn.linear_model import LogisticRegression

inputs, outputs = (pathlib.Path(os.environ[f"PERENNIAL_{name}"]) for name in ("IN", "OUT"))
run = json.loads((inputs / "run.json").read_text())
rows = pq.read_table(inputs / run["train"]["dir"]).to_pandas()
target = rows.pop(run["columns"]["label"])
model = LogisticRegression(max_iter=5000, random_state=run["seed"]).fit(rows, target)
outputs.mkdir(exist_ok=True)
(outputs / "clf.skops").write_bytes(skops.io.dumps(model))
(outputs / "result.json").write_text(json.dumps({"v": 1, "model": "clf.skops", "format": "skops"}))
"""


def ended(folder: Path, name: str, **environment: str) -> tuple[int, Result]:
    """Run a step as a process would; return exit code and message."""
    log = folder / "termination-log"
    hook = sys.excepthook
    try:
        code = jobs.run(name, {"PERENNIAL_TERMINATION_LOG": str(log), **environment})
    finally:
        sys.excepthook = hook
    return code, results.parse(log.read_text())


def test_digits_go_through_all_steps(tmp_path: Path) -> None:
    """Few rows make the champion; all rows make a better one, which is converted and passes."""
    few = {"max_iter": "40"}
    early = Run(tmp_path, run_id="early", parameters=few).with_rows(
        table_of(load_digits(), rows=400)
    )
    champion = early.trained()
    late = early.again("late", champion=champion).with_rows(table_of(load_digits()))
    candidate = late.trained()
    payload = late.compare(candidate)
    assert (champion.format, candidate.format) == ("onnx", "onnx")
    assert candidate.digest != champion.digest
    assert payload.rows > 300
    assert all(metric.p_pass < 0.03 for metric in payload.metrics)
    assert payload.metrics[0].challenger > 0.95 > payload.metrics[0].champion


def test_a_users_own_trainer_needs_the_contract_only(tmp_path: Path) -> None:
    """A script that reads run.json and rows and writes a model and result.json."""
    run = Run(tmp_path).with_rows(table_of(load_digits(), rows=600))
    run.check()
    run.lay_in()
    place = run.workplace
    asked = json.loads((place.inputs / "run.json").read_text())
    (place.inputs / "run.json").write_text(json.dumps({**asked, "train": {"dir": "train"}}))
    folders = {"PERENNIAL_IN": str(place.inputs), "PERENNIAL_OUT": str(place.outputs)}
    environment = {**os.environ, **folders}
    subprocess.run([sys.executable, "-c", OWN_TRAINER], env=environment, check=True)
    good(run.step("upload"))
    candidate = run.harvest()
    (accuracy,) = run.compare(candidate, metrics=[{"name": "accuracy", "floor": 0.8}]).metrics
    assert candidate.format == "onnx"
    assert accuracy.floor_p_pass < 0.05


def test_a_good_end_is_exit_0_and_one_message(tmp_path: Path) -> None:
    """The message names the step and carries its numbers."""
    run = Run(tmp_path).with_rows(table_of(load_digits(), rows=100))
    document = {
        "runId": "r",
        "modelUid": "uid",
        "source": {"uri": f"file://{tmp_path}/source"},
        "columns": {"label": "target"},
        "split": {"strategy": "Random"},
        "output": run.output,
    }
    code, result = ended(tmp_path, "check", PERENNIAL_STEP=json.dumps(document))
    assert (code, result.outcome, result.step) == (0, Outcome.OK, "check")
    payload = results.check_payload(result.payload)
    assert payload.train_rows + payload.holdout_rows == 100


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("check", {}, (78, Reason.SETTINGS_INVALID)),
        ("check", {"PERENNIAL_STEP": "{"}, (78, Reason.SETTINGS_INVALID)),
        ("dance", {}, (78, Reason.SETTINGS_INVALID)),
        ("check", {"PERENNIAL_THREADS": "all"}, (78, Reason.SETTINGS_INVALID)),
        ("train", {"PERENNIAL_IN": "/nowhere"}, (65, Reason.TRAINER_REFUSED)),
        (
            "inputs",
            {"PERENNIAL_STEP": '{"runId":"r","output":"file:///nowhere/out"}'},
            (65, Reason.NOT_FOUND),
        ),
    ],
)
def test_a_bad_end_has_its_exit_code_and_reason(
    tmp_path: Path, name: str, *, environment: dict, expected: tuple
) -> None:
    """Settings are 78, what the user must mend is 65; the message says which."""
    code, result = ended(tmp_path, name, **environment)
    assert (code, result.reason, result.outcome) == (*expected, Outcome.INVALID)
    assert result.step == name


def test_a_bug_is_exit_70_with_its_traceback_in_the_log(tmp_path: Path) -> None:
    """What is not one of our errors leaves the process as such, and the message says so."""
    code = (
        "import sys\nfrom perennial_serving import jobs\nfrom perennial_serving.jobs import train\n"
    )
    code += "train.run = lambda *_: 1 / 0\nsys.exit(jobs.run('train'))"
    log = tmp_path / "termination-log"
    environment = {**os.environ, "PERENNIAL_TERMINATION_LOG": str(log)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    result = results.parse(log.read_text())
    assert (done.returncode, result.outcome, result.reason) == (70, Outcome.BUG, Reason.INTERNAL)
    assert "ZeroDivisionError" in done.stderr
    assert "ZeroDivisionError" not in result.message


def test_the_sidecar_ends_well_when_its_pod_is_told_to_stop(tmp_path: Path) -> None:
    """It uploads what is there and stays; SIGTERM, whenever it comes, is its good end."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/result.json").write_text('{"v":1}')
    document = {"runId": "r", "attempt": 1, "output": f"file://{tmp_path}/store"}
    environment = {
        "PERENNIAL_OUT": str(tmp_path / "out"),
        "PERENNIAL_STEP": json.dumps(document),
    }
    is_done = threading.Event()

    def tell() -> None:
        while not is_done.wait(0.05):
            os.kill(os.getpid(), signal.SIGTERM)

    known = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    kubelet = threading.Thread(target=tell)
    kubelet.start()
    try:
        code, result = ended(tmp_path, "upload", **environment)
    finally:
        is_done.set()
        kubelet.join()
        signal.signal(signal.SIGTERM, known)
    assert (code, result.outcome) == (0, Outcome.OK)
    assert (tmp_path / "store/runs/r/a1/manifest.json").is_file()


def test_the_workplace_follows_from_settings() -> None:
    """Folders, guards and threads; without settings, those of the containers."""
    place = jobs.workplace(Settings(threads=3, allowed_hosts=("h",)), {"PERENNIAL_IN": "/x"})
    assert (str(place.inputs), str(place.outputs)) == ("/x", "/perennial/out")
    assert (place.threads, place.allowed_hosts) == (3, ("h",))
    assert str(place.credentials) == "/perennial/credentials"
