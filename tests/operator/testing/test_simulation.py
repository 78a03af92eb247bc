"""What the simulated controllers report has the shape of the real thing."""

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


def test_jobs_run_complete_or_fail() -> None:
    """By their exit code."""
    running = simulation.job_status(None, now=NOON)
    assert running["active"] == 1
    for code, kind in ((0, "Complete"), (1, "Failed")):
        status = simulation.job_status(JobResult(exit_code=code), now=NOON)
        assert status["conditions"][0]["type"] == kind


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
