"""The life of a step Job: intent, creation, its answer, and the next try if there was none.

A try that ends without a valid message counts as lost; three end the run. An outage is tried
again with a growing pause, inside the state's deadline.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from perennial_operator.api import conditions, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import Champion, RetrainJobStatus, StepIntent
from perennial_operator.plan.actions import Create
from perennial_operator.plan.manifests import retrain_steps, step_inputs
from perennial_operator.plan.manifests.engines import job
from perennial_operator.plan.retraining import identity
from perennial_operator.plan.retraining.stages.advance import Advance, leave, waits
from perennial_operator.plan.retraining.states import Event
from perennial_operator.plan.snapshot import (
    Child,
    ContainerFacts,
    ModelFacts,
    PodFacts,
    RunSnapshot,
)
from perennial_serving.contract import results
from perennial_serving.contract.results import Outcome, Result

MAX_LOST = 3
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Step:
    """A step as its stage wants it to run; `condition` is the one that it makes True."""

    name: str
    condition: str
    document: Mapping[str, Any]
    credentials: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Lost:
    """A try that ended without an answer: why, as far as it is known."""

    message: str


def inputs(seen: RunSnapshot) -> step_inputs.Inputs:
    """Return what every step is told of the run."""
    return step_inputs.Inputs(seen.spec, seen.status.run_id, identity.task(seen.spec))


def output_credentials(seen: RunSnapshot) -> dict[str, tuple[str, str]]:
    """Return the folder that opens the run's output."""
    output = seen.spec.output
    if output.credentials_secret_ref is None:
        return {}
    return {"output": (output.credentials_secret_ref.name, output.uri)}


def model_credentials(model: ModelFacts, champion: Champion) -> dict[str, tuple[str, str]]:
    """Return the folder that opens the champion, if its revision names a Secret."""
    served = identity.served_model(model, champion.revision) or {}
    secret = served.get("credentials", "")
    return {"model": (secret, champion.uri)} if secret else {}


def work(seen: RunSnapshot, step: Step, now: datetime) -> Result | Advance:
    """Return the step's answer (OK or Invalid), or how the run gets one."""
    intent = seen.status.intent
    if intent is None or intent.step != step.name:
        return _begin(seen, step, _intent(seen, step, now))
    pause = (identity.moment(intent.time) - now).total_seconds()
    if pause > 0:
        return waits(seen.status, f"step {step.name} is repeated later", seconds=pause)
    child = next((each for each in seen.children if each.name == intent.name), None)
    if child is None:
        return replace(_begin(seen, step, intent), status=seen.status)
    return _answered(seen, step, heard(child, seen.pods), now=now)


def _answered(
    seen: RunSnapshot, step: Step, answer: Result | Lost | None, *, now: datetime
) -> Result | Advance:
    intent = seen.status.intent
    if intent is None or answer is None:
        return waits(seen.status, f"Job of step {step.name} is running")
    if isinstance(answer, Lost):
        return lost(seen, step, answer.message, now=now)
    if answer.outcome is Outcome.BUG:
        return lost(seen, step, f"{answer.reason}: {answer.message}", now=now)
    if answer.outcome is Outcome.UNAVAILABLE:
        seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**intent.unavailable)
        return repeat(seen, step, answer, pause=timedelta(seconds=seconds), now=now)
    return answer


def heard(child: Child, pods: tuple[PodFacts, ...]) -> Result | Lost | None:
    """Return what a step's Job handed back; None while it may still come."""
    status = child.document.get("status") or {}
    ended = job.condition(status, "Complete") or job.condition(status, "Failed")
    if not ended:
        return None
    own = job.pods_of(child.name, pods)
    if any(pod.phase in ("Pending", "Running") and not pod.is_deleting for pod in own):
        return None  # the store saw the Job's end before its Pod's
    containers = [each for pod in reversed(own) for each in pod.containers]
    answers = (results.parse(each.message) for each in containers)
    answer = next((each for each in answers if each), None)
    return answer or Lost(_last_words(containers) or ended.get("message", ""))


def lost(seen: RunSnapshot, step: Step, why: str, *, now: datetime) -> Advance:
    """Return the next try of a step that gave no answer, or the end of the run."""
    before = seen.status.intent
    intent = replace(_intent(seen, step, now), lost=before.lost + 1 if before else 1)
    if intent.lost < MAX_LOST:
        return _begin(seen, step, intent)
    last = why or "its Pod was gone before it ended"
    text = f"step {step.name} ended {MAX_LOST} times without an answer; last: {last}"
    claim = Claim(step.condition, conditions.FALSE, reasons.STEP_FAILED, text)
    return failed(seen, claim)


def repeat(
    seen: RunSnapshot, step: Step, answer: Result, *, pause: timedelta, now: datetime
) -> Advance:
    """Return the intent to try a step again later, which a new Job does then."""
    before = seen.status.intent
    intent = replace(
        _intent(seen, step, now + pause),
        lost=before.lost if before else 0,
        unavailable=before.unavailable + 1 if before else 1,
    )
    state = conditions.FALSE if step.condition == conditions.DATA_READY else conditions.UNKNOWN
    return Advance(
        _intending(seen.status, intent),
        claims=(Claim(step.condition, state, answer.reason, answer.message),),
        note=f"step {step.name} is repeated later",
        look_again_seconds=pause.total_seconds(),
    )


def failed(seen: RunSnapshot, claim: Claim) -> Advance:
    """Return the end of a run for the reason that a condition gives."""
    return Advance(
        leave(seen.status),
        edge=Event.FAILED,
        claims=(claim,),
        reason=claim.reason,
        message=claim.message,
    )


def _intent(seen: RunSnapshot, step: Step, at: datetime) -> StepIntent:
    n = getattr(seen.status.tries, step.name) + 1
    name = retrain_steps.job_name(seen.meta.name, step.name, n)
    return StepIntent(step=step.name, n=n, name=name, time=conditions.stamp(at))


def _intending(status: RetrainJobStatus, intent: StepIntent) -> RetrainJobStatus:
    tries = replace(status.tries, **{intent.step: intent.n})
    return replace(status, intent=intent, tries=tries)


def _begin(seen: RunSnapshot, step: Step, intent: StepIntent) -> Advance:
    wanted = retrain_steps.StepJob(
        run=seen.meta,
        step=step.name,
        name=intent.name,
        document=step.document,
        options=seen.options,
        credentials=step.credentials,
    )
    return Advance(
        _intending(seen.status, intent),
        actions=((Create(retrain_steps.job(wanted)),),),
        note=f"Job of step {step.name} is running",
    )


def _last_words(containers: list[ContainerFacts]) -> str:
    for container in containers:
        if container.exit_code is not None:
            words = f"exit code {container.exit_code} {container.reason} {container.message}"
            return words.rstrip()
    return ""
