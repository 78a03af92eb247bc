"""Envoy's files from intents and endpoints: bootstrap, listeners, routes, clusters, endpoints.

Pure: the same world gives the same bytes. Every file carries as `version_info` the first 12 hex
digits of its content's sha256, by which an acknowledgment is recognized.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from perennial_operator.api.routing_intent import RoutingIntent

ROUTES = "models"
LANE_HEADER = "x-perennial-lane"
ATTEMPT_HEADER = "x-envoy-attempt-count"
RETRY_ON = "connect-failure,refused-stream,reset-before-request,retriable-headers,reset"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_API = "type.googleapis.com/envoy"
_HCM = f"{_API}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where Envoy listens and where its files and its admin socket are."""

    directory: str
    admin_socket: str
    node: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """One model's routes: its intent, its namespace and the weights in effect by revision."""

    intent: RoutingIntent
    namespace: str
    weights: Mapping[str, int]


Endpoint = tuple[str, int]


def bootstrap(place: Place) -> str:
    """Return the bootstrap: admin on a Unix socket, listeners and clusters from files."""
    return _text(
        {
            "node": {"id": place.node, "cluster": "perennial-router"},
            "admin": {"address": {"pipe": {"path": place.admin_socket, "mode": 0o600}}},
            "dynamic_resources": {
                "lds_config": _from_file(place, "lds.json"),
                "cds_config": _from_file(place, "cds.json"),
            },
        }
    )


def listeners(place: Place) -> str:
    """Return `lds.json`: one listener, whose routes come from `rds.json`."""
    manager = {
        "@type": _HCM,
        "stat_prefix": "http",
        "rds": {"route_config_name": ROUTES, "config_source": _from_file(place, "rds.json")},
        "generate_request_id": True,
        "strip_any_host_port": True,
        "normalize_path": True,
        "early_header_mutation_extensions": [_remove_lane()],
        "local_reply_config": _local_replies(),
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{_API}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "@type": f"{_API}.config.listener.v3.Listener",
        "name": "http",
        "address": {"socket_address": {"address": place.address, "port_value": place.port}},
        "enable_reuse_port": False,  # else a left-over Envoy takes connections with old weights
        "filter_chains": [
            {"filters": [{"name": "http", "typed_config": manager}]},
        ],
    }
    return _discovery([listener])


def routes(models: Iterable[Route]) -> str:
    """Return `rds.json`: a virtual host a model, and one for requests told apart by path."""
    ordered = sorted(models, key=lambda each: each.intent.model)
    hosts = [_virtual_host(each) for each in ordered]
    catch_all = [rule for each in ordered for rule in _model_rules(each, by_path=True)]
    hosts.append(
        {"name": "*", "domains": ["*"], "routes": [*catch_all, _not_found("no such model")]}
    )
    for host in hosts:
        host["include_request_attempt_count"] = True
    return _discovery(
        [
            {
                "@type": f"{_API}.config.route.v3.RouteConfiguration",
                "name": ROUTES,
                "validate_clusters": True,
                "virtual_hosts": hosts,
            }
        ]
    )


def clusters(place: Place, revisions: Iterable[str]) -> str:
    """Return `cds.json`: one cluster a revision, whose endpoints are in a file of its own."""
    return _discovery([_cluster(place, name) for name in sorted(revisions)])


def endpoints(revision: str, addresses: Iterable[Endpoint]) -> str:
    """Return `eds/<revision>.json`: exactly one assignment."""
    lb_endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": ip, "port_value": port}}}}
        for ip, port in sorted(addresses)
    ]
    return _discovery(
        [
            {
                "@type": f"{_API}.config.endpoint.v3.ClusterLoadAssignment",
                "cluster_name": revision,
                "endpoints": [{"lb_endpoints": lb_endpoints}],
            }
        ]
    )


def version(text: str) -> str:
    """Return the `version_info` of a discovery file."""
    return str(json.loads(text)["version_info"])


def _virtual_host(model: Route) -> Json:
    name, namespace = model.intent.model, model.namespace
    domains = [
        name,
        f"{name}.{namespace}",
        f"{name}.{namespace}.svc",
        f"{name}.{namespace}.svc.cluster.local",
        *model.intent.hosts,
    ]
    return {"name": name, "domains": domains, "routes": _model_rules(model, by_path=False)}


def _model_rules(model: Route, *, by_path: bool) -> list[Json]:
    name = model.intent.model
    versions = f"/v2/models/{name}/versions/"
    pinned = [
        {
            "match": {"prefix": f"{versions}{revision}/"},
            "route": _action(model, {"cluster": revision}),
            "request_headers_to_add": [_header(LANE_HEADER, "preview")],
        }
        for revision, weight in sorted(model.weights.items())
        if weight > 0
    ]
    unknown = {"match": {"prefix": versions}, **_reply(404, "this version gets no traffic")}
    matches = [{"path_separated_prefix": f"/v2/models/{name}"}] if by_path else [{"prefix": "/"}]
    split = {"weighted_clusters": {"clusters": _weighted(model.weights)}}
    weighted = [{"match": match, "route": _action(model, split)} for match in matches]
    return [*pinned, unknown, *weighted]


def _weighted(weights: Mapping[str, int]) -> list[Json]:
    return [{"name": name, "weight": weight} for name, weight in sorted(weights.items())]


def _action(model: Route, target: Json) -> Json:
    return {
        **target,
        "timeout": f"{model.intent.timeout_seconds + 1}s",  # the Pod's own 504 comes first
        "retry_policy": {
            "retry_on": RETRY_ON,
            "num_retries": model.intent.retry_attempts,
            "retriable_headers": [{"name": "x-perennial-draining", "present_match": True}],
            "retry_host_predicate": [_previous_hosts()],
            "host_selection_retry_max_attempts": 5,
        },
    }


def _cluster(place: Place, name: str) -> Json:
    return {
        "@type": f"{_API}.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _from_file(place, f"eds/{name}.json")},
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "1s",
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "typed_extension_protocol_options": {_HTTP_OPTIONS: _http_options()},
        "outlier_detection": {
            "consecutive_gateway_failure": 5,
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 0,  # a model's own errors are the judge's business
            "enforcing_success_rate": 0,
            "base_ejection_time": "30s",
            "max_ejection_percent": 50,
        },
        "circuit_breakers": {"thresholds": [_thresholds()]},
    }


def _http_options() -> Json:
    return {
        "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
        # Pods close idle connections at 75 s: the proxy must be the first to let go
        "common_http_protocol_options": {"idle_timeout": "60s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }


def _thresholds() -> Json:
    return {
        "max_connections": 100_000,
        "max_pending_requests": 100_000,
        "max_requests": 100_000,
        "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 10},
    }


def _remove_lane() -> Json:
    kind = f"{_API}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {
        "name": "remove-lane",
        "typed_config": {"@type": kind, "mutations": [{"remove": LANE_HEADER}]},
    }


def _local_replies() -> Json:
    unavailable = {
        "status_code_filter": {
            "comparison": {"op": "EQ", "value": {"default_value": 503, "runtime_key": "none"}}
        }
    }
    return {
        "body_format": {"json_format": {"error": "%LOCAL_REPLY_BODY%"}},
        "mappers": [{"filter": unavailable, "headers_to_add": [_header("retry-after", "1")]}],
    }


def _previous_hosts() -> Json:
    kind = f"{_API}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {"name": "previous-hosts", "typed_config": {"@type": kind}}


def _header(name: str, value: str) -> Json:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _not_found(text: str) -> Json:
    return {"match": {"prefix": "/"}, **_reply(404, text)}


def _reply(status: int, text: str) -> Json:
    return {"direct_response": {"status": status, "body": {"inline_string": text}}}


def _from_file(place: Place, name: str) -> Json:
    return {
        "path_config_source": {"path": f"{place.directory}/{name}"},
        "resource_api_version": "V3",
    }


def _discovery(resources: list[Json]) -> str:
    digest = hashlib.sha256(_text({"resources": resources}).encode()).hexdigest()
    return _text({"version_info": digest[:12], "resources": resources})


def _text(document: Json) -> str:
    return json.dumps(document, sort_keys=True, indent=1)
