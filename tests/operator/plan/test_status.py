"""Conditions in kstatus form: what each situation shows, with its cause and the next step."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import conditions, reasons
from perennial_operator.api.status.model_deployment import Source
from perennial_operator.plan import resolve, status
from perennial_operator.plan.rollout import desired
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.states import State
from perennial_operator.plan.snapshot import ContainerFacts, Failure, PodFacts
from perennial_operator.plan.status import Picture
from perennial_operator.testing import JobResult, PodBehavior, Rollout
from perennial_operator.testing.rollouts import QUICK

NEEDED = [conditions.READY, conditions.AVAILABLE, conditions.MODEL_VERIFIED]


def picture(view: View) -> Picture:
    """Return the picture of a view."""
    return Picture(view, resolve.resolution(view.question, view.now))


def shown(view: View) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition."""
    found = status.published(picture(view)).conditions
    return {each.type: (each.status, each.reason) for each in found}


def message(rollout: Rollout, type_: str) -> str:
    """Return the message of a condition."""
    found = conditions.find(rollout.status.conditions, type_)
    return found.message if found else ""


def with_pods(view: View, change: Any) -> View:  # noqa: ANN401  # a function over PodFacts
    """Return the view with its Pods changed."""
    pods = tuple(change(pod) for pod in view.seen.pods)
    return replace(view, seen=replace(view.seen, pods=pods))


def failing(failure: Failure) -> View:
    """Return a view at rest whose last pass failed."""
    view = Rollout().serve().view()
    return replace(view, seen=replace(view.seen, last_failure=failure))


def test_the_first_pass_shows_every_type() -> None:
    """Unknown where nothing is known; the pair only when True."""
    rollout = Rollout()
    rollout.tick()
    found = {each.type: each.status for each in rollout.status.conditions}
    assert found == {
        "Ready": "False",
        "Available": "False",
        "Reconciling": "True",
        "ModelVerified": "Unknown",
        "TrafficApplied": "Unknown",
        "Progressing": "True",
    }


def test_a_steady_object_is_shown_as_it_was() -> None:
    """Published again, the status is the same."""
    view = Rollout().serve().view()
    assert status.published(picture(view)) == view.status


def test_people_read_address_share_and_pods() -> None:
    """URL, traffic in percent, replicas and selector of stable."""
    rollout = Rollout(replicas=2).serve()
    found, stable = rollout.status, rollout.status.revisions.stable
    assert found.url == "http://churn.default.svc"
    assert found.traffic == f"{stable} 100%"
    assert (found.replicas, found.selector) == (2, f"perennial.dev/revision={stable}")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (
            Failure("FieldConflict", "kubectl owns it", is_invalid=True),
            ("Stalled", "FieldConflict"),
        ),
        (Failure("Forbidden", "no right", is_invalid=False), ("Stalled", "Forbidden")),
        (Failure("QuotaExceeded", "no room", is_invalid=False), ("Stalled", "QuotaExceeded")),
        (
            Failure("Unavailable", "api away", is_invalid=False, in_a_row=3),
            ("Reconciling", "Recovering"),
        ),
    ],
)
def test_a_failed_pass_is_shown(failure: Failure, expected: tuple[str, str]) -> None:
    """What a person must do is Stalled; what goes on is Reconciling."""
    type_, reason = expected
    assert shown(failing(failure))[type_] == ("True", reason)


def test_a_short_outage_of_the_api_is_not_shown() -> None:
    """Two failures in a row are nobody's business."""
    found = shown(failing(Failure("Unavailable", "", is_invalid=False, in_a_row=2)))
    assert found["Ready"] == ("True", "Ready")


def test_without_routers_nobody_gets_answers() -> None:
    """Available and TrafficApplied say which part is missing."""
    rollout = Rollout().serve()
    rollout.cluster.simulation.routers = 0
    rollout.tick(3)
    assert rollout.condition("Available") == ("False", reasons.ROUTER_MISSING)
    assert rollout.condition("TrafficApplied") == ("False", reasons.ROUTER_MISSING)
    assert rollout.condition("Reconciling") == ("True", reasons.RECOVERING)
    assert "perennial-router" in message(rollout, "Ready")


def test_lost_pods_are_shown_as_a_repair() -> None:
    """Reconciling Recovering with the first cause; after ten minutes Stalled, until it heals."""
    rollout = Rollout().serve()
    stable = rollout.status.revisions.stable
    rollout.cluster.simulation.pods[stable] = PodBehavior(exit_code=1, message="boom")
    rollout.tick(3)
    assert rollout.condition("Reconciling") == ("True", reasons.RECOVERING)
    assert rollout.condition("Available") == ("False", reasons.NOT_READY)
    assert "boom" in message(rollout, "Ready")

    rollout.tick(25, seconds=30)
    assert rollout.condition("Stalled") == ("True", reasons.PROGRESS_DEADLINE_EXCEEDED)
    assert rollout.condition("Reconciling") == ("", "")
    rollout.tick(3)
    assert rollout.condition("Stalled") == ("True", reasons.PROGRESS_DEADLINE_EXCEEDED)

    rollout.change(replicas=2).tick(2)
    assert rollout.condition("Reconciling") == ("True", reasons.RECOVERING)
    del rollout.cluster.simulation.pods[stable]
    rollout.tick(4)
    assert rollout.condition("Ready") == ("True", "Ready")


def test_slow_pods_have_no_words_of_their_own() -> None:
    """Fewer than wanted, cause unknown."""
    view = with_pods(Rollout().serve().view(), lambda pod: replace(pod, is_ready=False))
    found = status.reconciling(picture(view))
    assert found is not None
    assert found.message.endswith("has fewer ready Pods than 1")


def test_a_missing_reference_needs_a_person() -> None:
    """Stalled names the object that is not there."""

    def unconfigured(pod: PodFacts) -> PodFacts:
        waiting = ContainerFacts(
            "predictor", waiting_reason="CreateContainerConfigError", message="secret x not found"
        )
        return replace(pod, is_ready=False, containers=(waiting,))

    found = status.stalled(picture(with_pods(Rollout().serve().view(), unconfigured)))

    assert found is not None
    assert found.reason == reasons.REF_NOT_FOUND
    assert "secret x not found" in found.message


def test_a_model_that_vanished_from_its_store_needs_a_person() -> None:
    """A stable revision whose new Pod cannot fetch is Stalled, whatever else serves."""
    text = (
        '{"v":1,"class":"Invalid","reason":"NotFound","message":"gone","digest":"",'
        '"bytes":0,"seconds":0,"step":"","payload":{}}'
    )

    def gone(pod: PodFacts) -> PodFacts:
        ended = ContainerFacts("fetch", is_init=True, exit_code=65, message=text)
        return replace(pod, is_ready=False, containers=(ended,))

    found = shown(with_pods(Rollout().serve().view(), gone))

    assert found["Stalled"] == ("True", reasons.MODEL_REJECTED)
    assert found["ModelVerified"] == ("False", "NotFound")


def test_a_held_rollout_is_shown_and_stalls_after_ten_minutes() -> None:
    """The cause of the hold is the message."""
    rollout = Rollout(replicas=8).serve().change(model="two").until(State.CANARY, "Collect")
    rollout.cluster.simulation.start_seconds = 1e9
    rollout.until(State.CANARY, "ScaleUp").tick(12, seconds=60)
    assert rollout.state is State.HOLDING
    assert rollout.condition("Reconciling") == ("True", reasons.ROLLING_OUT)
    assert "not enough ready Pods" in message(rollout, "Ready")

    rollout.tick(11, seconds=60)

    assert rollout.condition("Stalled") == ("True", reasons.PROGRESS_DEADLINE_EXCEEDED)


def test_an_intent_that_a_router_refuses_is_pending_with_its_words() -> None:
    """TrafficApplied shows why."""
    view = Rollout().serve().view()
    assert view.routers.traffic is not None
    (state,) = view.routers.traffic.states
    model = replace(state.models["churn"], refused="weights must sum to 10000")
    refusing = replace(view.routers.traffic, states=(replace(state, models={"churn": model}),))
    intent = replace(view.rollout.intent, epoch=9)
    asked = replace(view.status, rollout=replace(view.rollout, intent=intent))
    view = replace(view, status=asked, routers=replace(view.routers, traffic=refusing))

    found = status.traffic_applied(picture(view))

    assert (found.status, found.reason) == ("False", reasons.PENDING)
    assert found.message.endswith("weights must sum to 10000")


def test_unread_routers_do_not_change_what_is_available() -> None:
    """After a restart of the operator: by the weights that were asked."""
    view = Rollout().serve().view()
    unread = replace(view, routers=replace(view.routers, traffic=None))
    assert shown(unread)["Available"] == ("True", reasons.SERVING)


@pytest.mark.parametrize(
    ("state", "note"),
    [
        (State.CANARY, "candidate churn-x of again: Canary"),
        (State.ROLLED_BACK, "the candidate of again was rolled back: Breaker: words"),
        (State.STABLE, "served by"),
    ],
)
def test_a_retrained_candidate_never_makes_the_object_unready(state: State, note: str) -> None:
    """Its fate stands in the message of Ready."""
    view = Rollout().serve().view()
    rollout = replace(
        view.rollout,
        state=state.value,
        origin=desired.RETRAIN,
        source=Source("RetrainJob", "again", "1"),
        reason=reasons.BREAKER,
        message="words",
        stage="Collect",
        completion="RolledBack" if state is State.ROLLED_BACK else "",
    )
    roles = replace(view.roles, candidate="churn-x")
    view = replace(view, status=replace(view.status, rollout=rollout, revisions=roles))

    published = status.published(picture(view))

    found = conditions.find(published.conditions, "Ready")
    assert found is not None
    assert (found.status, conditions.find(published.conditions, "Reconciling")) == ("True", None)
    assert found.message.startswith(note)


def test_a_retrained_candidate_without_its_run_is_still_named() -> None:
    """The run may be gone."""
    view = Rollout().serve().view()
    rollout = replace(
        view.rollout,
        state="RolledBack",
        origin=desired.RETRAIN,
        source=None,
        reason="Aborted",
        completion="RolledBack",
    )
    view = replace(view, status=replace(view.status, rollout=rollout))
    found = conditions.find(status.published(picture(view)).conditions, "Ready")
    assert found is not None
    assert found.message == "the candidate of a run was rolled back: Aborted"


def test_the_words_of_a_waiting_attempt_name_the_decision_to_make() -> None:
    """Action and digest, ready to be copied."""
    asking = {**QUICK, "approval": {"promotion": True}}
    rollout = Rollout(rollout=asking).serve().change(model="two")
    rollout.until(State.AWAITING_PROMOTION).tick()
    seal = rollout.status.rollout.seal
    assert seal is not None
    assert f"evidenceDigest {seal.digest}" in message(rollout, "Ready")
    assert rollout.condition("Progressing") == ("True", "AwaitingPromotion")


def test_a_resolving_edit_is_a_rollout_that_goes_on() -> None:
    """Stable serves while the new location is fetched."""
    rollout = Rollout().serve()
    document = rollout.cluster.document("ModelDeployment", "churn") or {}
    document["spec"]["model"] = {"uri": "s3://models/two"}
    rollout.cluster.put(document)
    rollout.tick(2)
    assert rollout.condition("Reconciling") == ("True", reasons.ROLLING_OUT)
    assert rollout.condition("Available") == ("True", reasons.SERVING)
    (job,) = rollout.cluster.named("Job")

    away = {"v": 1, "class": "Unavailable", "reason": "SourceUnavailable", "message": "no answer"}
    rest = {"digest": "", "bytes": 0, "seconds": 0, "step": "", "payload": {}}
    rollout.cluster.simulation.jobs[job] = JobResult({**away, **rest}, exit_code=69)
    rollout.tick(3)
    assert rollout.condition("Reconciling") == ("True", reasons.SOURCE_UNAVAILABLE)


def test_a_failed_first_attempt_names_the_way_out() -> None:
    """Retry, or another spec."""
    rollout = Rollout()
    rollout.tick()
    rollout.decide("Abort", attempt=rollout.status.rollout.attempt)
    rollout.until(State.FAILED).tick()
    assert rollout.condition("Stalled") == ("True", reasons.ROLLED_BACK)
    assert "action Retry" in message(rollout, "Stalled")
    assert set(NEEDED) <= {each.type for each in rollout.status.conditions}
