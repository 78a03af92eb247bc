"""Queued and Training: one engine object an attempt, created once; the exit rows decide on more."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from perennial_operator.api import conditions, names, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import (
    Attempt,
    EngineObject,
    PinnedData,
    RetrainJobStatus,
    StepIntent,
)
from perennial_operator.plan.actions import Action, Create
from perennial_operator.plan.actions import Event as Notice
from perennial_operator.plan.manifests import retrain_steps
from perennial_operator.plan.manifests.engines import attempt as engines
from perennial_operator.plan.manifests.engines import job, trainer_pod
from perennial_operator.plan.manifests.engines.attempt import EngineStatus, Phase, Reaction
from perennial_operator.plan.retraining import identity
from perennial_operator.plan.retraining.stages import step_jobs
from perennial_operator.plan.retraining.stages.advance import Advance, leave, waits
from perennial_operator.plan.retraining.states import Event, State
from perennial_operator.plan.snapshot import Child, RunSnapshot

LATER_SECONDS = (60, 300, 900)
PATIENCE_SECONDS = 60
KEPT_ATTEMPTS = 10
# Reasons that say more than that the attempts are spent.
TELLING = frozenset(
    {
        reasons.OOM_KILLED,
        reasons.DEADLINE_EXCEEDED,
        reasons.RESULT_MISSING,
        reasons.RESULT_CORRUPT,
    }
)
ADVICE: Mapping[str, str] = {
    reasons.OOM_KILLED: "Raise spec.trainer.pod.resources.limits.memory",
    reasons.DEADLINE_EXCEEDED: "Raise spec.limits.activeDeadline",
    reasons.RESULT_MISSING: "Let the trainer write result.json last",
}


def queued(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the attempt's creation, or why it does not run yet."""
    intent = seen.status.intent
    if intent is None:
        intended = intending(seen.status, seen.meta.name, now)
        return _create(replace(seen, status=intended))
    pause = (identity.moment(intent.time) - now).total_seconds()
    if pause > 0:
        return waits(seen.status, f"attempt {intent.n} begins later", seconds=pause)
    child = _child(seen, intent)
    if child is None:
        return _create(seen) if seen.status.engine is None else _vanished(seen)
    return _standing(_recorded(seen, child, intent), child, now)


def training(seen: RunSnapshot, now: datetime) -> Advance:
    """Return what became of the attempt that runs."""
    intent = seen.status.intent
    child = _child(seen, intent) if intent else None
    if child is None:
        return _vanished(seen)
    found = job.classify(child, seen.pods)
    match found.phase:
        case Phase.SUCCEEDED:
            return Advance(leave(seen.status), edge=Event.TRAINED)
        case Phase.FAILED:
            return ended(seen, found, now)
        case Phase.WAITING:
            return Advance(seen.status, edge=Event.PREEMPTED)
        case Phase.RUNNING | Phase.UNKNOWN:
            return waits(seen.status, f"attempt {seen.status.tries.train} is running")
        case _:
            assert_never(found.phase)


def intending(
    status: RetrainJobStatus, run: str, now: datetime, *, delay_seconds: int = 0
) -> RetrainJobStatus:
    """Return the status that intends the next attempt."""
    n = status.tries.train + 1
    intent = StepIntent(
        step=retrain_steps.TRAIN,
        n=n,
        name=f"{run}-a{n}",
        time=conditions.stamp(now + timedelta(seconds=delay_seconds)),
    )
    return replace(status, intent=intent, engine=None, tries=replace(status.tries, train=n))


def ended(seen: RunSnapshot, found: EngineStatus, now: datetime) -> Advance:
    """Return what follows an attempt that failed: the next one, or the end of the run."""
    status = _with_attempt(seen.status, found, now)
    text = _sentence(seen.status.tries.train, found)
    spent = [each for each in status.attempts if each.reason != reasons.DISRUPTED]
    notice = Notice("Warning", reasons.TRAINING_FAILED, text)
    if found.reaction is Reaction.NEVER or len(spent) >= seen.spec.limits.attempts:
        claim = Claim(
            conditions.TRAINED, conditions.FALSE, _last_reason(found), _advice(text, found)
        )
        return replace(step_jobs.failed(replace(seen, status=status), claim), events=(notice,))
    delay = 0
    if found.reaction is Reaction.LATER:
        earlier = sum(each.reason == reasons.TRY_LATER for each in spent) - 1
        delay = LATER_SECONDS[min(earlier, len(LATER_SECONDS) - 1)]
    claim = Claim(conditions.TRAINED, conditions.UNKNOWN, reasons.TRAINING, text)
    return Advance(
        intending(status, seen.meta.name, now, delay_seconds=delay),
        edge=Event.ATTEMPT_ENDED,
        claims=(claim,),
        events=(notice,),
    )


def attempt_of(seen: RunSnapshot) -> engines.Attempt:
    """Return the attempt that the status intends, as the engines build it."""
    spec, status = seen.spec, seen.status
    return engines.Attempt(
        run=seen.meta,
        n=status.tries.train,
        inputs=step_jobs.inputs(seen),
        data=status.data or PinnedData(uri=spec.data.source.uri),
        features=status.features,
        seed=identity.seed(spec, status.run_id),
        nominal_time=identity.nominal_time(spec, seen.meta),
        options=seen.options,
    )


def _create(seen: RunSnapshot) -> Advance:
    attempt = attempt_of(seen)
    groups: tuple[tuple[Action, ...], ...] = (
        (Create(trainer_pod.config_map(attempt)),),
        (Create(job.build(attempt)),),
    )
    return Advance(seen.status, actions=groups, note=f"attempt {attempt.n} waits for its Pod")


def _vanished(seen: RunSnapshot) -> Advance:
    """Harvest what was uploaded, although a person or a TTL deleted the engine's object."""
    if _has_live_pods(seen):
        return waits(seen.status, "the trainer's Job was deleted; its Pod is ending")
    return Advance(leave(seen.status), edge=Event.TRAINED)


def _has_live_pods(seen: RunSnapshot) -> bool:
    """Whether a trainer may still write: no attempt begins, and none is harvested, beside it."""
    return any(
        pod.phase in ("Pending", "Running")
        and pod.labels.get(names.LABEL_STEP) == retrain_steps.TRAIN
        for pod in seen.pods
    )


def _recorded(seen: RunSnapshot, child: Child, intent: StepIntent) -> RunSnapshot:
    engine = EngineObject(kind=child.kind, name=child.name, uid=child.uid, attempt=intent.n)
    return replace(seen, status=replace(seen.status, engine=engine))


def _standing(seen: RunSnapshot, child: Child, now: datetime) -> Advance:
    found = job.classify(child, seen.pods)
    if found.phase in (Phase.RUNNING, Phase.SUCCEEDED, Phase.FAILED):
        text = f"attempt {seen.status.tries.train} is running"
        claim = Claim(conditions.TRAINED, conditions.UNKNOWN, reasons.TRAINING, text)
        return Advance(seen.status, edge=Event.RUNNING, claims=(claim,))
    since = identity.moment(seen.status.state_times[State.QUEUED])
    patience = PATIENCE_SECONDS - (now - since).total_seconds()
    note = f"attempt {seen.status.tries.train} waits for its Pod"
    if patience > 0 or not found.reason:
        return waits(seen.status, note, seconds=max(patience, 1.0))
    return waits(seen.status, f"{note}: {found.reason}: {found.message}")


def _child(seen: RunSnapshot, intent: StepIntent) -> Child | None:
    return next((each for each in seen.children if each.name == intent.name), None)


def _with_attempt(status: RetrainJobStatus, found: EngineStatus, now: datetime) -> RetrainJobStatus:
    attempt = Attempt(
        n=status.tries.train,
        start=found.started or status.state_times.get(State.TRAINING, ""),
        end=found.ended or conditions.stamp(now),
        reason=found.reason,
        exit_code=found.exit_code,
    )
    return replace(leave(status), engine=None, attempts=_kept((*status.attempts, attempt)))


def _kept(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Return the newest ones; those that spent nothing go first, so that the others count."""
    if len(attempts) <= KEPT_ATTEMPTS:
        return attempts
    free = [each for each in attempts if each.reason == reasons.DISRUPTED]
    dropped = free[0] if free else attempts[0]
    return tuple(each for each in attempts if each is not dropped)


def _sentence(n: int, found: EngineStatus) -> str:
    code = "" if found.exit_code is None else f" (exit code {found.exit_code})"
    words = f": {found.message}" if found.message else ""
    return f"attempt {n} ended with {found.reason}{code}{words}"


def _last_reason(found: EngineStatus) -> str:
    if found.reaction is Reaction.NEVER or found.reason in TELLING:
        return found.reason
    return reasons.ATTEMPTS_EXCEEDED


def _advice(text: str, found: EngineStatus) -> str:
    step = ADVICE.get(found.reason, "Correct the trainer or spec.trainer")
    return f"{text}. {step}, then run again"
