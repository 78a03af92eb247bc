"""A RetrainJob from its rows to its outcome: accepted, refused, failed, killed, out of memory."""

import time
from typing import Any

import pytest
from loop_stage import TRAINER, Predicate, Stage

from perennial_operator.cluster import kinds

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

MD, RJ = kinds.MODEL_DEPLOYMENT, kinds.RETRAIN_JOB
DIGEST = "@sha256:" + "0" * 64
STEPS = ("check-1", "a1", "harvest-1", "validate-1")


def in_state(state: str) -> Predicate:
    """Return whether a run is in a state."""

    def check(run: dict[str, Any]) -> bool:
        return run["status"].get("state") == state

    return check


def jobs(stage: Stage) -> list[str]:
    """Return the names of the run's Jobs."""
    found = stage.kube.all(kinds.JOB, stage.namespace, "perennial.dev/root-kind=RetrainJob")
    return sorted(each["metadata"]["name"] for each in found)


def serving(stage: Stage) -> dict[str, Any]:
    """Deploy the first model and wait for it; spec pins nothing, so runs may promote."""
    model = stage.model("churn")
    model["spec"]["model"].pop("digest")
    stage.kube.apply(model)
    return stage.ready("churn")


def trainer(script: str, **pod: object) -> dict[str, Any]:
    """Return a trainer of the user's own: Python with a script as its arguments."""
    container = {"image": f"{TRAINER}{DIGEST}", "args": ["-c", script]}
    return {"trainer": {"container": container, **({"pod": pod} if pod else {})}}


def failed(stage: Stage, name: str, *, seconds: float = 120) -> dict[str, Any]:
    """Wait until a run failed."""
    return stage.until(RJ, name, lambda rj: stage.is_true(rj, "Failed"), seconds=seconds)


def test_a_better_model_is_approved_and_promoted(stage: Stage) -> None:
    """Check, train, harvest, validate, a person's word, the ordinary canary; each child once."""
    first = serving(stage)
    asked = {"approval": {"required": True}}
    stage.kube.apply(stage.run("fresh", "churn", **asked))

    run = stage.until(RJ, "fresh", in_state("AwaitingApproval"), seconds=150)
    assert run["status"]["validation"]["verdict"] == "Pass"
    assert stage.condition(run, "DataReady")["status"] == "True"
    assert stage.condition(run, "Trained")["reason"] == "Harvested"
    assert stage.condition(run, "Validated")["reason"] == "Passed"
    assert jobs(stage) == sorted(f"fresh-{step}" for step in STEPS)
    evidence = {
        "attempt": str(run["status"]["candidate"]["attempt"]),
        "evidenceDigest": run["status"]["validation"]["evidenceDigest"],
    }
    about = ("RetrainJob", "fresh")
    by_requester = stage.decision("mine", about, "Approve", **evidence)
    by_requester["spec"]["by"] = "scientist"
    assert stage.kube.create(by_requester, user="scientist", dry_run=True).is_client_error
    stage.decide(stage.decision("yes", about, "Approve", **evidence))

    done = stage.until(RJ, "fresh", lambda rj: stage.is_true(rj, "Complete"), seconds=150)
    md = stage.ready("churn")
    assert done["status"]["outcome"] == "Promoted"
    assert md["status"]["revisions"]["stable"] != first["status"]["revisions"]["stable"]
    pinned = stage.kube.get(
        kinds.CONTROLLER_REVISION, stage.namespace, md["status"]["revisions"]["stable"]
    )
    assert pinned is not None
    model = pinned["data"]["projection"]["model"]
    assert model["digest"] == done["status"]["candidate"]["digest"]
    assert stage.predict("churn").status_code == 200
    assert md["spec"] == first["spec"]
    stage.saw_events("fresh", "RetrainStarted", "GatePassed", "ApprovalNeeded", "RunEnded")


WORSE = """
import json, os, pathlib, numpy, skops.io
from sklearn.dummy import DummyClassifier
out = pathlib.Path(os.environ["PERENNIAL_OUT"])
run = json.loads((pathlib.Path(os.environ["PERENNIAL_IN"]) / "run.json").read_text())
model = DummyClassifier(strategy="constant", constant=0)
skops.io.dump(model.fit(numpy.zeros((4, len(run["features"]))), [0, 1, 0, 1]), out / "model.skops")
result = {"v": 1, "model": "model.skops", "format": "skops", "metrics": {}, "rowsRead": 4}
(out / "result.json").write_text(json.dumps(result))
"""


def test_a_worse_model_is_refused_with_its_numbers(stage: Stage) -> None:
    """A user's own trainer runs; the gate refuses what it made, and no traffic moves."""
    first = serving(stage)
    stage.kube.apply(stage.run("worse", "churn", **trainer(WORSE)))

    run = stage.until(RJ, "worse", lambda rj: stage.is_true(rj, "Complete"), seconds=180)

    assert run["status"]["outcome"] == "Rejected"
    assert run["status"]["validation"]["verdict"] == "Fail"
    (metric,) = run["status"]["validation"]["metrics"]
    assert float(metric["challenger"]) < float(metric["champion"])
    assert stage.condition(run, "Validated")["reason"] == "Regressed"
    assert stage.condition(run, "Failed")["status"] != "True"
    md = stage.ready("churn")
    assert md["status"]["revisions"] == first["status"]["revisions"]


def test_a_trainer_that_refuses_fails_the_run(stage: Stage) -> None:
    """Exit code 65 is the trainer's word: no retry, its last lines in the message."""
    serving(stage)
    script = "import sys; print('no column price'); sys.exit(65)"
    stage.kube.apply(stage.run("refuses", "churn", **trainer(script)))

    run = failed(stage, "refuses")

    assert stage.condition(run, "Failed")["reason"] == "TrainerRefused"
    assert "no column price" in stage.condition(run, "Failed")["message"]
    assert stage.condition(run, "Stalled")["status"] == "True"
    assert run["status"]["outcome"] == "Failed"
    assert jobs(stage) == ["refuses-a1", "refuses-check-1"]


def test_missing_data_spends_no_compute(stage: Stage) -> None:
    """Without rows there is no trainer; the message names the source."""
    serving(stage)
    run = stage.run("nothing", "churn")
    run["spec"]["data"]["source"]["uri"] = "s3://models/no-such-rows.parquet"
    stage.kube.apply(run)

    ended = failed(stage, "nothing")

    assert stage.condition(ended, "DataReady")["reason"] == "SourceMissing"
    assert all("check" in name for name in jobs(stage))


def test_out_of_memory_is_named(stage: Stage) -> None:
    """A trainer over its limit is killed; each attempt says so, and so does the end."""
    serving(stage)
    script = "import time; held = bytearray(400_000_000); time.sleep(60)"
    limited = trainer(script, resources={"limits": {"memory": "100Mi"}})
    stage.kube.apply(stage.run("hungry", "churn", limits={"attempts": 2}, **limited))

    run = failed(stage, "hungry", seconds=180)

    assert stage.condition(run, "Failed")["reason"] == "OOMKilled"
    assert [each["reason"] for each in run["status"]["attempts"]] == ["OOMKilled", "OOMKilled"]


def test_a_killed_trainer_pod_is_replaced(stage: Stage) -> None:
    """A Pod that somebody deletes does not lose the run; no second Job stands beside the first."""
    serving(stage)
    script = "import time; time.sleep(8)\n" + WORSE
    stage.kube.apply(stage.run("killed", "churn", **trainer(script)))
    stage.until(RJ, "killed", in_state("Training"), seconds=90)
    labels = "batch.kubernetes.io/job-name=killed-a1"
    (pod,) = stage.kube.all(kinds.POD, stage.namespace, labels)

    stage.kube.delete(kinds.POD, stage.namespace, pod["metadata"]["name"], grace_seconds=0)

    run = stage.until(RJ, "killed", lambda rj: stage.is_true(rj, "Complete"), seconds=240)
    assert run["status"]["outcome"] == "Rejected"
    assert len(run["status"].get("attempts", [])) <= 2
    assert (
        len({name for name in jobs(stage) if "-a" in name}) == run["status"]["candidate"]["attempt"]
    )


def test_a_run_continues_after_the_operator_was_killed(stage: Stage) -> None:
    """Killed in the middle of training: the same end, and no second Job."""
    serving(stage)
    script = "import time; time.sleep(6)\n" + WORSE
    stage.kube.apply(stage.run("survivor", "churn", **trainer(script)))
    stage.until(RJ, "survivor", in_state("Training"), seconds=90)

    stage.kill_operator()
    time.sleep(1)

    run = stage.until(RJ, "survivor", lambda rj: stage.is_true(rj, "Complete"), seconds=240)
    assert run["status"]["outcome"] == "Rejected"
    assert jobs(stage) == sorted(f"survivor-{step}" for step in STEPS)
