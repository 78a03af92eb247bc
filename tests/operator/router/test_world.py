"""Tests of what the agent knows and what it concludes."""

import json
from typing import Any

from perennial_operator.api import names
from perennial_operator.router import world
from perennial_operator.router.acknowledgements import Statistics
from perennial_operator.router.world import World

NOTHING = Statistics()


def config_map(
    epoch: int = 1, *, revision: str = "m-1", keep: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a routing intent's ConfigMap that gives all traffic to one revision."""
    arms = [{"arm": "stable", "revision": revision, "weight": 10_000}]
    intent = {"v": 1, "model": "m", "uid": "u", "epoch": epoch, "arms": arms, "keep": list(keep)}
    return {"metadata": {"name": "m-routing"}, "data": {"intent.json": json.dumps(intent)}}


def pod(revision: str = "m-1", ip: str = "127.1.0.1", **status: object) -> dict[str, Any]:
    """Return a ready Pod of a revision; keyword arguments change its status."""
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": {"labels": {names.LABEL_REVISION: revision}},
        "spec": {
            "containers": [
                {},
                {"ports": [{"containerPort": 1}, {"name": "data", "containerPort": 8080}]},
            ]
        },
        "status": {"podIP": ip, "conditions": ready, **status},
    }


def moved(before: World, *maps: dict[str, Any]) -> World:
    """Return the world after all intents were read again."""
    return world.leaves(world.with_config_maps(before, maps), before)


def test_ready_pods_become_endpoints() -> None:
    """A Pod is an endpoint iff labeled, ready, alive, addressed, and with a port named data."""
    unready = pod(conditions=[{"type": "Ready", "status": "False"}])
    terminating = pod(ip="127.1.0.2")
    terminating["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    portless = pod(ip="127.1.0.3")
    portless["spec"] = {"containers": [{"ports": [{"name": "http", "containerPort": 80}]}]}
    unlabeled = pod(ip="127.1.0.4")
    unlabeled["metadata"] = {}
    starting = {"metadata": {"labels": {names.LABEL_REVISION: "m-1"}}, "spec": {"containers": []}}

    seen = world.with_pods(
        World("ns"), [pod(), unready, terminating, portless, unlabeled, starting, pod(podIP="")]
    )

    assert seen.endpoints == {"m-1": frozenset({("127.1.0.1", 8080)})}
    assert seen.counts() == {"m-1": 1}


def test_a_bad_intent_leaves_the_old_routes() -> None:
    """A broken ConfigMap changes nothing but the refusal."""
    before = world.with_config_maps(World("ns"), [config_map()])
    broken = {"metadata": {"name": "m-routing"}, "data": None}

    after = world.with_config_maps(before, [broken])

    assert after.intents["m"].intent == before.intents["m"].intent
    assert after.intents["m"].refused


def test_a_model_whose_first_intent_is_broken_has_no_routes() -> None:
    """There is no last good intent to stay with."""
    broken = {"metadata": {"name": "m-routing"}, "data": {"intent.json": "{"}}

    assert world.with_config_maps(World("ns"), [broken]).intents == {}


def test_a_deleted_intent_takes_its_routes_along() -> None:
    """Without its ConfigMap a model has no routes."""
    before = world.with_config_maps(World("ns"), [config_map()])

    after = moved(before)

    assert world.routes(after) == ()
    assert world.clusters(after) == {"m-1"}


def test_a_cluster_lingers_until_it_is_quiet_for_ten_seconds() -> None:
    """Clusters go only after their last request; one that is asked again starts anew."""
    before = world.with_config_maps(World("ns"), [config_map()])
    now_other = moved(before, config_map(2, revision="m-2"))
    busy = Statistics(clusters={"m-1": {"upstream_rq_total": 5, "upstream_rq_active": 1}})
    idle = Statistics(clusters={"m-1": {"upstream_rq_total": 5}})

    first = world.tick(now_other, busy, now=0.0)
    still_busy = world.tick(first, busy, now=20.0)
    quiet = world.tick(still_busy, idle, now=25.0)
    gone = world.tick(quiet, idle, now=30.0)

    assert world.clusters(still_busy) == {"m-1", "m-2"}
    assert world.clusters(quiet) == {"m-1", "m-2"}
    assert world.clusters(gone) == {"m-2"}


def test_a_cluster_that_is_named_again_stops_lingering() -> None:
    """A way back needs no new cluster."""
    before = world.with_config_maps(World("ns"), [config_map()])
    away = moved(before, config_map(2, revision="m-2"))
    back = moved(world.tick(away, NOTHING, now=0.0), config_map(3, keep=("m-2",)))

    assert back.lingering == {}
    assert world.clusters(back) == {"m-1", "m-2"}


def test_weights_in_effect_follow_the_endpoints() -> None:
    """A tick remembers what is empty; weights and routes show it."""
    seen = world.with_pods(world.with_config_maps(World("ns"), [config_map()]), [pod()])

    after = world.tick(seen, NOTHING, now=0.0)

    assert world.weights(after, "m") == {"m-1": 10_000}
    assert [each.intent.model for each in world.routes(after)] == ["m"]
    assert after.withdrawals["m"].empty_since == ()
