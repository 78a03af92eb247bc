"""How traffic finds a model: its Service, which selects routers, and its routing intent."""

import json

from perennial_operator.api import names
from perennial_operator.api.documents import dump
from perennial_operator.api.routing_intent import RoutingIntent
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import model_objects
from perennial_operator.plan.snapshot import Meta

HTTP_PORT_NAME = "http"


def model_service(meta: Meta) -> Object:
    """Return the Service `<md>`: port 80 of the namespace's router Pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": model_objects.metadata(meta, meta.name, component=names.COMPONENT_PREDICTOR),
        "spec": {
            "type": "ClusterIP",
            "selector": {
                names.LABEL_NAME: names.ROUTER,
                names.LABEL_COMPONENT: names.COMPONENT_ROUTER,
            },
            "ports": [
                {
                    "name": HTTP_PORT_NAME,
                    "port": 80,
                    "protocol": "TCP",
                    "targetPort": HTTP_PORT_NAME,
                }
            ],
        },
    }


def routing_intent(meta: Meta, intent: RoutingIntent) -> Object:
    """Return the ConfigMap that tells the router agents what to do for this model."""
    metadata = model_objects.metadata(
        meta, names.routing_intent_name(meta.name), component=names.COMPONENT_ROUTER
    )
    metadata["labels"][names.LABEL_ROUTING] = "true"
    text = json.dumps(dump(intent), sort_keys=True, separators=(",", ":"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {names.ROUTING_KEY: text},
    }
