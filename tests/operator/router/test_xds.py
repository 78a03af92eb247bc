"""Tests of Envoy's files; `test_envoy_end_to_end` shows that the real Envoy takes them."""

import hashlib
import json
from typing import Any

from perennial_operator.api.routing_intent import Arm, RoutingIntent
from perennial_operator.router import xds

PLACE = xds.Place("/x", "/x/admin.sock", "router-1", "127.1.0.9", 8080)
INTENT = RoutingIntent(
    "m", "u", 1, (Arm("stable", "m-1", 9000), Arm("candidate", "m-2", 1000)), hosts=("m.example",)
)
ROUTE = xds.Route(INTENT, "ns", {"m-1": 10_000, "m-2": 0})


def resources(text: str) -> list[dict[str, Any]]:
    """Return the resources of a discovery file."""
    found: list[dict[str, Any]] = json.loads(text)["resources"]
    return found


def host(text: str, name: str) -> dict[str, Any]:
    """Return a virtual host of a route file."""
    (table,) = resources(text)
    (found,) = [each for each in table["virtual_hosts"] if each["name"] == name]
    return dict(found)


def test_the_bootstrap_names_the_files_and_the_socket() -> None:
    """Envoy finds listeners and clusters beside its bootstrap."""
    document = json.loads(xds.bootstrap(PLACE))

    assert document["admin"]["address"]["pipe"]["path"] == "/x/admin.sock"
    sources = document["dynamic_resources"]
    assert sources["lds_config"]["path_config_source"]["path"] == "/x/lds.json"
    assert sources["cds_config"]["path_config_source"]["path"] == "/x/cds.json"


def test_the_listener_binds_alone_and_removes_the_lane_of_clients() -> None:
    """A left-over Envoy cannot share the port; clients cannot pretend to be mirrors."""
    (listener,) = resources(xds.listeners(PLACE))
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]

    assert listener["enable_reuse_port"] is False
    assert listener["address"]["socket_address"] == {"address": "127.1.0.9", "port_value": 8080}
    mutation = manager["early_header_mutation_extensions"][0]["typed_config"]
    assert mutation["mutations"] == [{"remove": "x-perennial-lane"}]


def test_a_model_answers_to_its_service_names() -> None:
    """The names that DNS gives the Service, and hosts of the intent, lead to the model."""
    found = host(xds.routes([ROUTE]), "m")

    assert found["domains"] == ["m", "m.ns", "m.ns.svc", "m.ns.svc.cluster.local", "m.example"]
    assert found["include_request_attempt_count"] is True


def test_weights_are_those_in_effect() -> None:
    """All arms stand in the split, with the weights as moved by the agent."""
    rules = host(xds.routes([ROUTE]), "m")["routes"]
    split = rules[-1]["route"]["weighted_clusters"]["clusters"]

    assert split == [{"name": "m-1", "weight": 10_000}, {"name": "m-2", "weight": 0}]


def test_the_pod_answers_its_own_timeout_first() -> None:
    """The router waits a second longer than the Pod."""
    rules = host(xds.routes([ROUTE]), "m")["routes"]

    assert rules[-1]["route"]["timeout"] == "31s"


def test_a_version_in_the_path_pins_only_revisions_with_weight() -> None:
    """A revision without traffic is not reached by its name; marked requests are no evidence."""
    rules = host(xds.routes([ROUTE]), "m")["routes"]

    assert [rule["match"]["prefix"] for rule in rules] == [
        "/v2/models/m/versions/m-1/",
        "/v2/models/m/versions/",
        "/",
    ]
    assert rules[0]["request_headers_to_add"][0]["header"]["value"] == "preview"
    assert rules[1]["direct_response"]["status"] == 404


def test_requests_to_an_unknown_host_are_told_apart_by_path() -> None:
    """The catch-all serves every model under its path and says 404 for the rest."""
    other = xds.Route(
        RoutingIntent("a", "u", 1, (Arm("stable", "a-1", 10_000),)), "ns", {"a-1": 10_000}
    )

    rules = host(xds.routes([ROUTE, other]), "*")["routes"]

    prefixes = [
        rule["match"].get("path_separated_prefix") or rule["match"]["prefix"] for rule in rules
    ]
    assert prefixes == [
        "/v2/models/a/versions/a-1/",
        "/v2/models/a/versions/",
        "/v2/models/a",
        "/v2/models/m/versions/m-1/",
        "/v2/models/m/versions/",
        "/v2/models/m",
        "/",
    ]
    assert rules[-1]["direct_response"]["status"] == 404


def test_a_model_s_own_errors_eject_no_pod() -> None:
    """Only gateway failures count: a candidate's 500s must reach the breaker."""
    (cluster,) = resources(xds.clusters(PLACE, ["m-1"]))

    assert cluster["outlier_detection"]["enforcing_consecutive_5xx"] == 0
    assert "5xx" not in xds.RETRY_ON
    assert (
        cluster["eds_cluster_config"]["eds_config"]["path_config_source"]["path"]
        == "/x/eds/m-1.json"
    )


def test_endpoints_are_one_assignment_in_order() -> None:
    """The order of discovery does not matter to the bytes."""
    text = xds.endpoints("m-1", [("127.1.0.2", 8080), ("127.1.0.1", 8080)])

    assert text == xds.endpoints("m-1", [("127.1.0.1", 8080), ("127.1.0.2", 8080)])
    (assignment,) = resources(text)
    assert assignment["cluster_name"] == "m-1"
    assert len(assignment["endpoints"][0]["lb_endpoints"]) == 2


def test_the_version_follows_from_the_content() -> None:
    """Equal routes have equal versions; the version is the start of the content's digest."""
    text = xds.routes([ROUTE])
    content = json.dumps({"resources": resources(text)}, sort_keys=True, indent=1)

    assert xds.version(text) == hashlib.sha256(content.encode()).hexdigest()[:12]
    assert xds.version(text) != xds.version(xds.routes([]))
