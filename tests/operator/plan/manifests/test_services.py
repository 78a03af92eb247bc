"""A model's Service selects routers; its intent is one JSON text."""

import json

from perennial_operator.api.routing_intent import Arm, RoutingIntent
from perennial_operator.plan.manifests import services
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON

META = Meta("churn", "default", "uid-1", 3, "9", NOON)


def test_the_service_of_a_model_leads_to_the_routers() -> None:
    """Port 80 to the routers' named port; the selector never changes."""
    found = services.model_service(META)
    assert found["metadata"]["name"] == "churn"
    assert found["spec"] == {
        "type": "ClusterIP",
        "selector": {
            "app.kubernetes.io/name": "perennial-router",
            "app.kubernetes.io/component": "router",
        },
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
    }


def test_an_intent_is_found_by_its_label_and_read_from_its_key() -> None:
    """What the router agent watches."""
    intent = RoutingIntent("churn", "uid-1", 7, (Arm("stable", "churn-1", 10_000),))
    found = services.routing_intent(META, intent)
    assert found["metadata"]["name"] == "churn-routing"
    assert found["metadata"]["labels"]["perennial.dev/routing"] == "true"
    assert json.loads(found["data"]["intent.json"]) == {
        "v": 1,
        "model": "churn",
        "uid": "uid-1",
        "epoch": 7,
        "arms": [{"arm": "stable", "revision": "churn-1", "weight": 10_000}],
        "timeoutSeconds": 30,
        "retryAttempts": 2,
    }
