"""The routing intent and the agent's answer as documents."""

from perennial_operator.api import documents
from perennial_operator.api.routing_intent import (
    WEIGHT_SUM,
    Arm,
    ModelState,
    RevisionCounters,
    RouterState,
    RoutingIntent,
)


def test_an_intent_survives_the_way_through_its_config_map() -> None:
    """Arms, warm revisions and the epoch come back as they were."""
    intent = RoutingIntent(
        model="digits",
        uid="u",
        epoch=7,
        arms=(Arm("stable", "digits-a", WEIGHT_SUM - 1000), Arm("candidate", "digits-b", 1000)),
        keep=("digits-c",),
    )

    assert documents.load(RoutingIntent, documents.dump(intent)) == intent
    assert sum(arm.weight for arm in intent.arms) == WEIGHT_SUM


def test_a_state_survives_the_way_through_http() -> None:
    """Counters are found by model and revision."""
    model = ModelState(
        epoch=7,
        acknowledged=True,
        since="2026-03-01T12:00:00Z",
        weights={"digits-a": WEIGHT_SUM},
        endpoints={"digits-a": 2},
        counters={"digits-a": RevisionCounters(first=3, status_2xx=2, status_5xx=1)},
    )
    state = RouterState("p", "b", "2026-03-01T12:00:01Z", "v1", models={"digits": model})

    read = documents.load(RouterState, documents.dump(state))

    assert read == state
    assert read.models["digits"].counters["digits-a"].status_5xx == 1
