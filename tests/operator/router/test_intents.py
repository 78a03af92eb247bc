"""Tests of which routing intent is in force."""

import json

import pytest

from perennial_operator.api.routing_intent import Arm, RoutingIntent
from perennial_operator.router import intents
from perennial_operator.router.intents import InForce

GOOD = RoutingIntent("m", "u", 3, (Arm("stable", "m-1", 9000), Arm("candidate", "m-2", 1000)))


def text(**changes: object) -> str:
    """Return a good intent's JSON with some keys changed."""
    arms = [
        {"arm": "stable", "revision": "m-1", "weight": 9000},
        {"arm": "candidate", "revision": "m-2", "weight": 1000},
    ]
    document = {"v": 1, "model": "m", "uid": "u", "epoch": 3, "arms": arms}
    return json.dumps({**document, **changes})


def test_a_good_intent_is_taken() -> None:
    """The first good intent is in force at once."""
    assert intents.accept(None, text()) == InForce(GOOD)


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        ("{", "not a routing intent: JSONDecodeError"),
        ("[]", "not a routing intent: AttributeError"),
        ("{}", "not a routing intent: TypeError"),
        ("[" * 100_000, "not a routing intent: RecursionError"),
        (text(arms=[]), "weights must sum to 10000"),
        (text(arms=[{"arm": "stable", "revision": "m-1", "weight": 10001}]), "weights must sum"),
        (text(arms=[{"arm": "stable", "revision": "m-1", "weight": -1}]), "whole numbers"),
        (text(arms=[{"arm": "stable", "revision": "m-1", "weight": "9"}]), "whole numbers"),
        (text(epoch=0), "epoch must be"),
        (text(epoch="7"), "epoch must be"),
        (text(epoch=2), "epoch 2 is not above 3, which is in force"),
        (text(epoch=3, timeoutSeconds=5), "epoch 3 is not above 3"),
    ],
)
def test_a_refused_intent_leaves_the_last_good_one(offered: str, why: str) -> None:
    """What cannot be taken is named, and the last good intent stays in force."""
    after = intents.accept(InForce(GOOD), offered)

    assert after is not None
    assert after.intent == GOOD
    assert why in after.refused


def test_nothing_is_in_force_before_a_good_intent() -> None:
    """A model whose first intent is bad has none."""
    assert intents.accept(None, "{") is None


def test_the_same_intent_again_clears_the_refusal() -> None:
    """Reading the intent in force again is no refusal."""
    assert intents.accept(InForce(GOOD, "bad"), text()) == InForce(GOOD)


def test_a_remade_model_starts_its_epochs_again() -> None:
    """Another uid is another model: its lower epoch counts."""
    after = intents.accept(InForce(GOOD), text(uid="other", epoch=1))

    assert after is not None
    assert (after.intent.uid, after.intent.epoch, after.refused) == ("other", 1, "")


def test_revisions_are_all_that_an_intent_names() -> None:
    """Arms without weight and kept revisions are named too."""
    kept = RoutingIntent("m", "u", 1, (Arm("stable", "m-1", 10_000),), keep=("m-0",))

    assert intents.revisions({"m": InForce(kept)}) == {"m-0", "m-1"}
