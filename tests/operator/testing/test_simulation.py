"""What the simulated controllers report has the shape of the real thing."""

from datetime import timedelta
from typing import Any

from perennial_operator.api.routing_intent import Arm, RevisionCounters, RoutingIntent
from perennial_operator.testing import NOON, JobResult, PodBehavior, simulation

DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "a", "uid": "u", "generation": 2},
    "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "main"}]}}},
}
INTENT = RoutingIntent(
    "churn", "u", 1, (Arm("stable", "one", 9_000), Arm("candidate", "two", 1_000)), keep=("old",)
)


def pods() -> list[dict[str, Any]]:
    """Return the new Pods of the Deployment."""
    return [simulation.new_pod(DEPLOYMENT, n) for n in simulation.wanted_pods(DEPLOYMENT)]


def test_a_deployment_is_available_once_all_its_pods_are_ready() -> None:
    """The time of the condition stays while it says the same."""
    made = pods()
    before = simulation.deployment_status(DEPLOYMENT, made, now=NOON)
    assert (before["unavailableReplicas"], before["conditions"][0]["status"]) == (2, "False")
    for pod in made:
        pod["status"] = simulation.ready_status(pod, ip="127.0.0.9", now=NOON)
    after = simulation.deployment_status({**DEPLOYMENT, "status": before}, made, now=NOON)
    assert (after["readyReplicas"], after["conditions"][0]["status"]) == (2, "True")
    again = simulation.deployment_status({**DEPLOYMENT, "status": after}, made, now=NOON)
    assert again == after


def test_pods_of_one_template_keep_their_names() -> None:
    """Another template, other names."""
    other = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "template": {"spec": {}}}}
    names = simulation.wanted_pods(DEPLOYMENT)
    assert simulation.wanted_pods(DEPLOYMENT) == names
    assert not set(simulation.wanted_pods(other)) & set(names)


def test_failing_pods_are_in_back_off() -> None:
    """What they said at their end stays visible."""
    behavior = PodBehavior(exit_code=3, message="no")
    status = simulation.failing_status(pods()[0], behavior, ip="", now=NOON)
    (container,) = status["containerStatuses"]
    assert container["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    assert container["lastState"]["terminated"]["exitCode"] == 3


def job(**spec: Any) -> dict[str, Any]:  # noqa: ANN401  # fields of a Job's spec
    """Return a Job that was just made."""
    template = DEPLOYMENT["spec"]["template"]
    metadata = {**DEPLOYMENT["metadata"], "name": "j"}
    return {"kind": "Job", "metadata": metadata, "spec": {"template": template, **spec}}


def ended(made: dict[str, Any], exit_code: int) -> dict[str, Any]:
    """Return the Job's Pod after its container ended."""
    pod = simulation.new_pod(made, "j-0")
    result = JobResult("words", exit_code=exit_code)
    return {**pod, "status": simulation.finished_pod(pod, result, now=NOON + timedelta(minutes=1))}


def test_a_job_starts_once_and_completes() -> None:
    """Its start stays as it was; success is told twice, as by the Job controller."""
    made = job()
    running = simulation.job_status(made, simulation.new_pod(made, "j-0"), now=NOON)
    assert running == {"active": 1, "startTime": "2026-01-05T12:00:00Z"}
    made["status"] = running
    done = simulation.job_status(made, ended(made, 0), now=NOON + timedelta(minutes=1))
    assert (done["startTime"], done["completionTime"]) == (
        "2026-01-05T12:00:00Z",
        "2026-01-05T12:01:00Z",
    )
    assert [each["type"] for each in done["conditions"]] == ["SuccessCriteriaMet", "Complete"]


def test_a_job_fails_by_its_own_rule_and_says_the_exit_code() -> None:
    """Without a rule it has no try left; a failed Job has no completion."""
    rules = [{"action": "Ignore"}, {"action": "FailJob"}]
    made = job(podFailurePolicy={"rules": rules})
    failed = simulation.job_status(made, ended(made, 137), now=NOON)
    told = failed["conditions"][-1]
    assert (told["type"], told["reason"]) == ("Failed", "PodFailurePolicy")
    assert told["message"] == (
        "Container main for pod a/j-0 failed with exit code 137 matching FailJob rule at index 1"
    )
    assert "completionTime" not in failed
    plain = simulation.job_status(job(), ended(job(), 1), now=NOON)
    assert plain["conditions"][-1]["reason"] == "BackoffLimitExceeded"


def test_a_container_that_may_is_started_again_in_place() -> None:
    """The Job goes on; what the container said stays visible."""
    made = job()
    made["spec"]["template"] = {"spec": {**made["spec"]["template"]["spec"]}}
    made["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    pod = ended(made, 65)
    (container,) = pod["status"]["containerStatuses"]
    assert (pod["status"]["phase"], container["restartCount"]) == ("Running", 1)
    assert container["lastState"]["terminated"]["message"] == "words"
    assert simulation.job_status(made, pod, now=NOON)["active"] == 1


def test_traffic_follows_weights_and_dead_arms_fail() -> None:
    """Errors are a share of what an arm gets."""
    after = simulation.counted(
        {}, INTENT, requests=100, errors={"one": 0.1}, alive={"one": 1, "two": 0}
    )
    assert after == {
        "one": RevisionCounters(first=90, status_2xx=81, status_5xx=9),
        "two": RevisionCounters(first=10, status_5xx=10),
        "old": RevisionCounters(),
    }


def test_routers_say_what_they_run() -> None:
    """Weights, endpoints and counters of every revision that they know."""
    state = simulation.router_state(
        "r", [INTENT], counters={"one": RevisionCounters(first=1)}, alive={"one": 2}, now=NOON
    )
    model = state.models["churn"]
    assert model.weights == {"one": 9_000, "two": 1_000}
    assert model.endpoints == {"one": 2, "two": 0, "old": 0}
    assert list(model.counters) == ["one"]
