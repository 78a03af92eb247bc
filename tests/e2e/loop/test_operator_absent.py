"""The operator killed, restarted and stopped: what serves goes on, what was begun ends alike."""

import threading
import time
from collections import Counter
from typing import Any

import pytest
from loop_stage import Stage

from perennial_operator.cluster import kinds

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MD = kinds.MODEL_DEPLOYMENT
ABSENT_SECONDS = 60


def state(md: dict[str, Any]) -> str:
    """Return the state of the attempt."""
    return str(md["status"].get("rollout", {}).get("state", ""))


def test_a_canary_continues_after_the_operator_was_killed(stage: Stage) -> None:
    """Killed at a step: the weight stays, the new operator goes on and promotes once."""
    stage.kube.apply(stage.model("churn"))
    stage.ready("churn")
    stage.kube.apply(stage.model("churn", stage.models["v2"]))
    stage.until(MD, "churn", lambda md: state(md) == "Canary", seconds=60)

    stage.kill_operator()

    md = stage.until(
        MD, "churn", lambda md: state(md) == "Stable" and stage.is_true(md, "Ready"), seconds=150
    )
    assert md["status"]["rollout"]["completion"] == "PromotedUnproven"
    assert promotions(stage) == {"1", "2"}


def promotions(stage: Stage) -> set[str]:
    """Return the promotion numbers of all revisions; they are noted after the status is."""
    time.sleep(2)
    found = stage.kube.all(kinds.CONTROLLER_REVISION, stage.namespace)
    return {each["metadata"]["annotations"].get("perennial.dev/promotion", "") for each in found}


def versions(stage: Stage) -> dict[str, str]:
    """Return the resourceVersion of everything that the operator may write."""
    watched = (MD, kinds.DEPLOYMENT, kinds.SERVICE, kinds.CONFIG_MAP, kinds.CONTROLLER_REVISION)
    return {
        f"{kind.kind}/{each['metadata']['name']}": each["metadata"]["resourceVersion"]
        for kind in watched
        for each in stage.kube.all(kind, stage.namespace)
    }


def test_a_restart_over_converged_objects_writes_nothing(stage: Stage) -> None:
    """Converged means silent, also for a new process."""
    stage.kube.apply(stage.model("churn"))
    md = stage.ready("churn")
    assert md["status"]["revisions"].get("previous", "") == ""
    time.sleep(3)
    before = versions(stage)

    stage.kill_operator()
    stage.operator_ready()
    time.sleep(5)

    assert versions(stage) == before


def test_predictions_go_on_without_the_operator_while_pods_die(stage: Stage) -> None:
    """A minute without operator, a Pod killed every ten seconds: not one failed prediction."""
    stage.kube.apply(stage.model("churn", replicas=2))
    stage.ready("churn")
    answers: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers[stage.predict("churn").status_code] += 1
            time.sleep(0.02)

    with stage.without_operator():
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            ends_at = time.monotonic() + ABSENT_SECONDS
            while time.monotonic() < ends_at:
                stage.kill_one_pod("app.kubernetes.io/component=predictor")
                time.sleep(10)
        finally:
            stop.set()
            thread.join()

    assert set(answers) == {200}
    assert answers[200] > 500


def test_a_namespace_goes_without_the_operator(stage: Stage) -> None:
    """No finalizer of ours: the namespace ends while the operator is away."""
    stage.kube.apply(stage.model("churn"))
    stage.ready("churn")

    with stage.without_operator():
        stage.delete_namespace(seconds=60)
