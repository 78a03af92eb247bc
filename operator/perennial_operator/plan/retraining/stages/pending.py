"""Pending: refuses what can never run, waits for the ModelDeployment and for the run's turn."""

from datetime import datetime, timedelta

from perennial_operator.api import conditions, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.plan.actions import Event as Notice
from perennial_operator.plan.retraining import identity
from perennial_operator.plan.retraining.stages import step_jobs
from perennial_operator.plan.retraining.stages.advance import Advance, waits
from perennial_operator.plan.retraining.states import Event, State
from perennial_operator.plan.snapshot import RunFacts, RunSnapshot

SOON_SECONDS = 5.0
LATER_SECONDS = 60.0
PATIENCE = timedelta(minutes=10)
TURN_SECONDS = 15.0
BUSY = frozenset({State.CHECKING_DATA, State.QUEUED, State.TRAINING})


def advance(seen: RunSnapshot, now: datetime) -> Advance:
    """Return whether the run may begin."""
    if claim := refusal(seen):
        return step_jobs.failed(seen, claim)
    if seen.model is None:
        return no_model(seen, now)
    if not is_its_turn(seen):
        limit = seen.options.max_active_runs_per_namespace
        text = f"waits for its turn: at most {limit} runs of a namespace check or train at a time"
        return waits(seen.status, text, seconds=TURN_SECONDS)
    text = f"run for ModelDeployment {seen.spec.model_ref.name} begins"
    notice = Notice("Normal", reasons.RETRAIN_STARTED, text)
    return Advance(seen.status, edge=Event.TURN, events=(notice,))


def refusal(seen: RunSnapshot) -> Claim | None:
    """Return why the run can never work, None if it can."""
    container = seen.spec.trainer.container
    if container and not is_allowed(container.image, seen.options.allowed_trainer_images):
        text = (
            f"image {container.image} is not in the operator's allowed trainer images: use one "
            f"that is, or ask an administrator to add its repository"
        )
        return Claim(conditions.TRAINED, conditions.FALSE, reasons.IMAGE_REJECTED, text)
    if seen.spec.validation.mode != "None" and not identity.task(seen.spec):
        text = (
            "a trainer container needs spec.validation.metrics: they say whether it is a "
            "classifier (accuracy, roc_auc, log_loss) or a regressor (mae, rmse)"
        )
        return Claim(conditions.TRAINED, conditions.FALSE, reasons.INVALID_SPEC, text)
    return None


def is_allowed(image: str, allowed: tuple[str, ...]) -> bool:
    """Whether an image's repository is listed, is below a listed `prefix/`, or all (`*`) are.

    >>> is_allowed("registry.test/a/b@sha256:1", ("registry.test/a/",))
    True
    >>> is_allowed("registry.test.evil/b@sha256:1", ("registry.test",))
    False
    """
    repository = image.partition("@")[0]
    return any(
        entry in ("*", repository) or (entry.endswith("/") and repository.startswith(entry))
        for entry in allowed
    )


def no_model(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the wait for a ModelDeployment that does not exist."""
    name = seen.spec.model_ref.name
    text = f"create ModelDeployment {name}, or delete this run: spec.modelRef names no object"
    is_new = now - seen.meta.created_at < PATIENCE
    return Advance(
        seen.status,
        stalled=Claim(conditions.STALLED, conditions.TRUE, reasons.REF_NOT_FOUND, text),
        look_again_seconds=SOON_SECONDS if is_new else LATER_SECONDS,
    )


def is_its_turn(seen: RunSnapshot) -> bool:
    """Whether fewer runs than the limit are busy or come before this one.

    Pending ones that were made earlier count, so two runs never take one place.
    """
    mine = (seen.meta.created_at, seen.meta.uid)
    before = sum(_comes_first(run, mine) for run in seen.other_runs)
    return before < seen.options.max_active_runs_per_namespace


def _comes_first(run: RunFacts, mine: tuple[datetime, str]) -> bool:
    if run.status.state in BUSY:
        return True
    if run.status.state not in ("", State.PENDING):
        return False
    is_stalled = conditions.is_true(run.status.conditions, conditions.STALLED)
    return not is_stalled and (run.meta.created_at, run.meta.uid) < mine
