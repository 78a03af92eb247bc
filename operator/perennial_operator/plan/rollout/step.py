"""The rules of a rollout, in their order: the first that applies makes one turn.

People who take traffic away come first, then spec, then harm, then everything that waits.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from perennial_operator.api import decision, reasons
from perennial_operator.api.documents import durations
from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.api.status.model_deployment import Hold
from perennial_operator.plan.actions import Event as Note
from perennial_operator.plan.rollout import decisions, desired, fleet, gates, moves, pods, traffic
from perennial_operator.plan.rollout.gates import Action, Verdict
from perennial_operator.plan.rollout.moves import Turn, View
from perennial_operator.plan.rollout.states import (
    AT_REST,
    MAX_HOLD_SECONDS,
    VERIFY_SECONDS,
    WITH_TRAFFIC,
    Event,
    Stage,
    State,
)
from perennial_operator.plan.snapshot import DecisionFacts

CAUSE_GONE_SECONDS = 60

Rule = Callable[[View], Turn | None]


def step(view: View) -> Turn | None:
    """Return the first turn that a rule asks for, None if all is as it should be."""
    for rule in RULES:
        if turn := rule(view):
            return replace(turn, is_by_person=rule in OF_PEOPLE)
    return None


def abort(view: View) -> Turn | None:
    """Go back because a person ends the attempt."""
    if actor := _actor(view, decision.ABORT):
        return moves.go_back(view, reasons.ABORTED, _said(actor))
    return None


def rollback(view: View) -> Turn | None:
    """Return to the revision that a person names; an attempt under way goes back first."""
    actor = _actor(view, decision.ROLLBACK)
    if actor is None:
        return None
    target = decisions.rollback_target(actor, view.question)
    chosen = moves.choose(view, target, decision.ROLLBACK, by=actor.name)
    if view.state in AT_REST or view.state is State.ROLLING_BACK:
        return Turn(chosen)
    reason = reasons.SUPERSEDED if view.state is State.REVERTING else reasons.ABORTED
    return moves.go_back(replace(view, status=chosen), reason, _said(actor))


def supersede(view: View) -> Turn | None:
    """Go back because spec, or a run, asks for something else than the candidate."""
    if view.state in AT_REST or view.state is State.ROLLING_BACK:
        return None
    wanted, roles = view.desired, view.roles
    is_first_commit_near = not roles.stable and view.state is State.PROMOTING
    if wanted.name == roles.candidate or is_first_commit_near:
        return None
    if roles.stable and wanted.name == roles.stable:
        return moves.go_back(view, reasons.WITHDRAWN, "stable's revision is desired again")
    return moves.go_back(view, reasons.SUPERSEDED, "another revision is desired now")


def harm(view: View) -> Turn | None:
    """Go back because the candidate hurts, or cannot even start."""
    if view.state is State.PREPARING or (view.state is State.PROMOTING and not view.weight):
        verdict = gates.judge(gates.PREPARING, gates.of_candidate(view))
    elif view.state in WITH_TRAFFIC and view.weight:
        verdict = gates.judge(gates.BREAKERS, gates.of_candidate(view))
    else:
        return None
    return moves.go_back(view, verdict.reason, verdict.message) if verdict else None


def harm_after_commit(view: View) -> Turn | None:
    """Return to the warm revision because what was just promoted hurts."""
    roles = view.roles
    is_watched = view.state is State.STABLE and roles.previous and roles.previous_until
    if not is_watched or view.question.is_rejected(roles.previous):
        return None
    verdict = gates.judge(gates.AFTER_COMMIT, gates.of_stable(view))
    if verdict is None:
        return None
    note = Note("Warning", reasons.ROLLED_BACK, f"{roles.stable} goes back: {verdict.message}")
    return Turn(moves.choose(view, roles.previous, decision.ROLLBACK), (note,))


def reject(view: View) -> Turn | None:
    """Go back because a person refuses the candidate."""
    if actor := _actor(view, decision.REJECT):
        return moves.go_back(view, reasons.REJECTED, _said(actor))
    return None


def approve(view: View) -> Turn | None:
    """Promote because a person approves."""
    return moves.promote(view) if _actor(view, decision.APPROVE) else None


def promote(view: View) -> Turn | None:
    """Promote at once because a person says so; capacity and breakers stay."""
    if _actor(view, decision.PROMOTE):
        return moves.promote(view, decision.PROMOTE)
    return None


def retry(view: View) -> Turn | None:
    """Try a refused revision again because a person says so."""
    actor = _actor(view, decision.RETRY)
    if actor is None:
        return None
    return Turn(moves.choose(view, actor.spec.revision, decision.RETRY, by=actor.name))


def proceed(view: View) -> Turn | None:
    """Go on in the state, as far as capacity, routers, time and evidence allow."""
    return _PROCEED[view.state](view)


RULES: tuple[Rule, ...] = (
    abort,
    rollback,
    supersede,
    harm,
    harm_after_commit,
    reject,
    approve,
    promote,
    retry,
    proceed,
)
OF_PEOPLE = frozenset({abort, rollback, reject, approve, promote, retry})


def _actor(view: View, action: str) -> DecisionFacts | None:
    """Return the Decision that may act in this pass if it is one of this kind."""
    return view.actor if view.actor and view.actor.spec.action == action else None


def _said(actor: DecisionFacts) -> str:
    words = f"{actor.spec.by} by Decision {actor.name}"
    return f"{words}: {actor.spec.reason}" if actor.spec.reason else words


def _rest(view: View) -> Turn | None:
    wanted = view.desired
    if view.state is State.ROLLED_BACK and wanted.name == view.roles.stable:
        return Turn(moves.enter(view, Event.SETTLE, message=view.rollout.message))
    is_startable = wanted.name and wanted.name != view.roles.stable
    if not is_startable or view.question.is_rejected(wanted.name):
        return None
    is_return = wanted.origin == desired.ROLLBACK and view.roles.stable
    return moves.start(view, Event.REVERT if is_return else Event.START, wanted)


def _prepare(view: View) -> Turn | None:
    if view.is_recreate:
        return _ask_or_promote(view)
    if view.settled(view.roles.candidate) >= fleet.first_pods(view):
        if not view.roles.stable:
            return moves.promote(view)
        return Turn(moves.enter(view, Event.CANARY_DUE, stage=Stage.SCALE_UP.value, step=0))
    if view.is_preparing_over:
        cause = pods.trouble(view.pods(view.roles.candidate))
        return moves.go_back(view, reasons.PREPARATION_TIMEOUT, cause)
    return None


def _canary(view: View) -> Turn | None:
    return _CANARY[Stage(view.rollout.stage)](view)


def _scale_up(view: View) -> Turn | None:
    weight = fleet.step_weight(view)
    if view.settled(view.roles.candidate) >= pods.needed(weight, view.rollout.need):
        return moves.shift(moves.advance(view, Stage.VERIFY_WEIGHT), weight)
    return _hold_if_short(view)


def _verify_step(view: View) -> Turn | None:
    if not traffic.is_acknowledged(view.status):
        return _hold_if_unacknowledged(view)
    turn = moves.advance(view, Stage.COLLECT)
    text = f"{view.roles.candidate} gets {view.weight // 100} % of the traffic"
    return Turn(
        decisions.seal(turn.status, view.routers, view.now),
        (Note("Normal", reasons.STEP_REACHED, text),),
    )


def _collect(view: View) -> Turn | None:
    verdict = gates.judge(gates.ADVANCE, gates.of_candidate(view))
    if verdict:
        return _objected(view, verdict)
    steps = view.rollout.definition.weights if view.rollout.definition else ()
    if view.rollout.step + 1 < len(steps):
        return moves.advance(view, Stage.SCALE_UP, step=view.rollout.step + 1)
    return _ask_or_promote(view)


def _ask_or_promote(view: View) -> Turn:
    if view.seen.spec.rollout.approval.promotion:
        return moves.ask(view)
    return moves.promote(view)


def _await(view: View) -> Turn | None:
    approval = view.seen.spec.rollout.approval
    if view.is_over(view.rollout.entered_at, durations.seconds(approval.timeout)):
        message = f"nobody answered in {approval.timeout}"
        return moves.go_back(view, reasons.APPROVAL_TIMEOUT, message)
    return None


def _holding(view: View) -> Turn | None:
    held = view.rollout.hold
    if held is None:
        return moves.go_back(view, reasons.HOLD_TIMEOUT, "status lost why it holds")
    if _is_gone(view, held):
        return moves.resume(view, held)
    if view.is_over(held.since, MAX_HOLD_SECONDS):
        return moves.go_back(view, reasons.HOLD_TIMEOUT, f"{held.cause} lasts for a day")
    return None


def _is_gone(view: View, held: Hold) -> bool:
    since = view.now - timedelta(seconds=CAUSE_GONE_SECONDS)
    if datetime.fromisoformat(held.since) > since:
        return False
    if held.cause == reasons.CAPACITY_SHORT:
        needed = fleet.wanted_pods(view)
        return view.settled(view.roles.candidate, seconds=CAUSE_GONE_SECONDS) >= needed
    if not traffic.is_acknowledged(view.status) or not view.routers.is_complete:
        return False
    return datetime.fromisoformat(view.rollout.acknowledged.since) <= since


def _promoting(view: View) -> Turn | None:
    return _PROMOTING[Stage(view.rollout.stage)](view)


def _scale_down(view: View) -> Turn | None:
    if fleet.has_no_pods(view, view.roles.stable) or view.is_preparing_over:
        return moves.advance(view, Stage.SCALE_FULL)
    return None


def _scale_full(view: View) -> Turn | None:
    if view.settled(view.roles.candidate) >= view.rollout.need:
        return moves.shift(moves.advance(view, Stage.VERIFY_WEIGHT), WEIGHT_SUM)
    if view.is_preparing_over and view.is_recreate and view.state is State.PROMOTING:
        cause = pods.trouble(view.pods(view.roles.candidate))
        return moves.go_back(view, reasons.PREPARATION_TIMEOUT, cause)
    return _hold_if_short(view)


def _verify_all(view: View) -> Turn | None:
    if not traffic.is_acknowledged(view.status):
        return _hold_if_unacknowledged(view) if view.roles.stable else None
    is_return = view.state is State.REVERTING
    if is_return or not view.roles.stable:
        return moves.commit(view)
    return moves.advance(view, Stage.BAKE)


def _bake(view: View) -> Turn | None:
    verdict = gates.judge(gates.ADVANCE, gates.of_candidate(view))
    return _objected(view, verdict) if verdict else moves.commit(view)


def _objected(view: View, verdict: Verdict) -> Turn | None:
    if verdict.action is Action.HOLD:
        return moves.hold(view, verdict.reason, verdict.message)
    return None


def _hold_if_short(view: View) -> Turn | None:
    if not view.is_preparing_over:
        return None
    cause = pods.trouble(view.pods(view.roles.candidate))
    return moves.hold(view, reasons.CAPACITY_SHORT, f"not enough ready Pods: {cause}")


def _hold_if_unacknowledged(view: View) -> Turn | None:
    if not view.is_over(view.rollout.stage_entered_at, VERIFY_SECONDS):
        return None
    told = view.rollout.acknowledged.routers or "no router"
    message = f"{told} routers run the new weights; look at the Pods of perennial-router"
    return moves.hold(view, reasons.ROUTER_NOT_ACKNOWLEDGING, message)


def _rolling_back(view: View) -> Turn | None:
    return _ROLLING_BACK[Stage(view.rollout.stage)](view)


def _ensure_stable(view: View) -> Turn | None:
    ready, need = view.settled(view.roles.stable), view.rollout.need
    is_candidate_gone = view.settled(view.roles.candidate) == 0
    if ready >= need or is_candidate_gone or view.is_recreate:
        return moves.shift(
            moves.advance(view, Stage.OBSERVED_ZERO, message=view.rollout.message), 0
        )
    left = WEIGHT_SUM - WEIGHT_SUM * ready // need
    if left < view.weight:
        return Turn(traffic.with_weight(view.status, left))
    return None


def _observed_zero(view: View) -> Turn | None:
    name = view.roles.candidate
    if not traffic.is_observed_zero(name, view.status, view.routers, now=view.now):
        return None
    if view.rollout.reason == reasons.SUPERSEDED:
        return moves.end(view)
    return moves.advance(view, Stage.DRAIN, message=view.rollout.message)


def _drain(view: View) -> Turn | None:
    is_superseded = view.rollout.reason == reasons.SUPERSEDED
    is_done = is_superseded or fleet.has_no_pods(view, view.roles.candidate)
    return moves.end(view) if is_done or view.is_preparing_over else None


_CANARY: Mapping[Stage, Rule] = {
    Stage.SCALE_UP: _scale_up,
    Stage.VERIFY_WEIGHT: _verify_step,
    Stage.COLLECT: _collect,
}
_PROMOTING: Mapping[Stage, Rule] = {
    Stage.SCALE_DOWN: _scale_down,
    Stage.SCALE_FULL: _scale_full,
    Stage.VERIFY_WEIGHT: _verify_all,
    Stage.BAKE: _bake,
}
_ROLLING_BACK: Mapping[Stage, Rule] = {
    Stage.ENSURE_STABLE: _ensure_stable,
    Stage.OBSERVED_ZERO: _observed_zero,
    Stage.DRAIN: _drain,
}
_PROCEED: Mapping[State, Rule] = {
    State.NEW: _rest,
    State.STABLE: _rest,
    State.ROLLED_BACK: _rest,
    State.FAILED: _rest,
    State.PREPARING: _prepare,
    State.CANARY: _canary,
    State.AWAITING_PROMOTION: _await,
    State.HOLDING: _holding,
    State.PROMOTING: _promoting,
    State.REVERTING: _promoting,
    State.ROLLING_BACK: _rolling_back,
}
