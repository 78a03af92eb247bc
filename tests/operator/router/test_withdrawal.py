"""Tests of the agent's own moves: weight away from arms without endpoints."""

from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api.routing_intent import WEIGHT_SUM, Arm, RoutingIntent
from perennial_operator.router import withdrawal
from perennial_operator.router.withdrawal import Withdrawal

INTENT = RoutingIntent("m", "u", 1, (Arm("stable", "s", 9000), Arm("candidate", "c", 1000)))
BOTH = {"s": 2, "c": 1}
NO_CANDIDATE = {"s": 2}


def look(memory: Withdrawal, endpoints: dict[str, int], *, now: float) -> Withdrawal:
    """Observe the usual intent."""
    return withdrawal.observe(memory, INTENT, endpoints, now=now)


def test_living_arms_keep_their_weights() -> None:
    """With endpoints everywhere the asked weights are in effect."""
    memory = look(Withdrawal(), BOTH, now=0.0)

    assert withdrawal.effective_weights(INTENT, memory, BOTH) == {"s": 9000, "c": 1000}
    assert withdrawal.next_look(memory, now=0.0) is None


def test_an_empty_candidate_lends_its_weight_at_once() -> None:
    """Envoy could only answer 503: stable serves these requests from the first moment."""
    memory = look(Withdrawal(), NO_CANDIDATE, now=0.0)

    assert memory.latched == ()
    assert withdrawal.effective_weights(INTENT, memory, NO_CANDIDATE) == {"s": 10_000, "c": 0}
    assert withdrawal.next_look(memory, now=0.4) == 0.6


def test_a_candidate_back_within_a_second_gets_its_weight_again() -> None:
    """A short gap between two Pods is no withdrawal."""
    memory = look(look(Withdrawal(), NO_CANDIDATE, now=0.0), BOTH, now=0.9)

    assert withdrawal.effective_weights(INTENT, memory, BOTH) == {"s": 9000, "c": 1000}


def test_a_candidate_empty_for_a_second_stays_withdrawn_until_a_higher_epoch() -> None:
    """Pods that come back later do not raise a weight; a new intent does."""
    memory = look(look(Withdrawal(), NO_CANDIDATE, now=0.0), NO_CANDIDATE, now=1.0)
    assert memory.latched == ("c",)

    back = look(memory, BOTH, now=2.0)
    assert withdrawal.effective_weights(INTENT, back, BOTH) == {"s": 10_000, "c": 0}

    newer = RoutingIntent("m", "u", 2, INTENT.arms)
    renewed = withdrawal.observe(back, newer, BOTH, now=3.0)
    assert withdrawal.effective_weights(newer, renewed, BOTH) == {"s": 9000, "c": 1000}


def test_an_empty_stable_lends_its_weight_until_it_has_an_endpoint() -> None:
    """Stable is never latched: it takes its share back by itself."""
    alone = {"c": 1}
    memory = look(look(Withdrawal(), alone, now=0.0), alone, now=5.0)
    assert memory.latched == ()
    assert withdrawal.effective_weights(INTENT, memory, alone) == {"s": 0, "c": 10_000}

    back = look(memory, BOTH, now=6.0)
    assert withdrawal.effective_weights(INTENT, back, BOTH) == {"s": 9000, "c": 1000}


def test_with_nobody_alive_the_asked_weights_stay() -> None:
    """There is nobody to give weight to."""
    memory = look(Withdrawal(), {}, now=0.0)

    assert withdrawal.effective_weights(INTENT, memory, {}) == {"s": 9000, "c": 1000}


def test_an_empty_arm_without_weight_is_not_withdrawn() -> None:
    """A candidate that is being prepared has no share to give."""
    intent = RoutingIntent("m", "u", 1, (Arm("stable", "s", 10_000), Arm("candidate", "c", 0)))
    memory = withdrawal.observe(Withdrawal(), intent, NO_CANDIDATE, now=0.0)

    assert memory.empty_since == ()


def test_stable_without_weight_inherits_from_an_empty_candidate() -> None:
    """At full weight of the candidate its Pods may still die: stable serves again."""
    intent = RoutingIntent("m", "u", 1, (Arm("stable", "s", 0), Arm("candidate", "c", 10_000)))
    memory = withdrawal.observe(Withdrawal(), intent, NO_CANDIDATE, now=0.0)

    assert withdrawal.effective_weights(intent, memory, NO_CANDIDATE) == {"s": 10_000, "c": 0}


@given(
    candidate=st.integers(0, WEIGHT_SUM),
    looks=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 3)), max_size=8),
)
def test_weights_always_sum_and_never_rise_on_an_empty_arm(
    candidate: int, looks: list[tuple[int, int, float]]
) -> None:
    """Whatever comes and goes: 10,000 in all, and an arm without endpoints gains nothing."""
    arms = (Arm("stable", "s", WEIGHT_SUM - candidate), Arm("candidate", "c", candidate))
    intent = RoutingIntent("m", "u", 1, arms)
    memory, now = Withdrawal(), 0.0
    for stable, other, seconds in looks:
        now += seconds
        endpoints = {"s": stable, "c": other}
        memory = withdrawal.observe(memory, intent, endpoints, now=now)
        weights = withdrawal.effective_weights(intent, memory, endpoints)

        assert sum(weights.values()) == WEIGHT_SUM
        assert all(weights[a.revision] <= a.weight for a in arms if not endpoints[a.revision])
