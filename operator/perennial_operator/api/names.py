"""Every name that others read: group, kinds, labels, annotations, managers, images.

The only module with literals of our group.
"""

import hashlib

GROUP = "perennial.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

MODEL_DEPLOYMENT = "ModelDeployment"
RETRAIN_JOB = "RetrainJob"
DECISION = "Decision"

MANAGER_CHILDREN = "perennial"
MANAGER_STATUS = "perennial-status"
EVENT_CONTROLLER = f"{GROUP}/operator"

LABEL_NAME = "app.kubernetes.io/name"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "perennial"
MANAGED_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGED_BY}"

LABEL_ROOT_KIND = f"{GROUP}/root-kind"
LABEL_ROOT_NAME = f"{GROUP}/root-name"
LABEL_ROOT_UID = f"{GROUP}/root-uid"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_ROUTING = f"{GROUP}/routing"
LABEL_RUN_ID = f"{GROUP}/run-id"
LABEL_STEP = f"{GROUP}/step"

ANNOTATION_SPEC_HASH = f"{GROUP}/spec-hash"
ANNOTATION_PROMOTION = f"{GROUP}/promotion"
ANNOTATION_MODEL_HASH = f"{GROUP}/model-hash"
ANNOTATION_ATTEMPTS = f"{GROUP}/attempts"
ANNOTATION_REJECTED = f"{GROUP}/rejected"

ROUTER = "perennial-router"
ROUTER_CLUSTER_ROLE = "perennial-router"
ROUTING_KEY = "intent.json"
OPERATOR_VERB = "operate"
POLICIES = ("perennial-models", "perennial-runs", "perennial-decisions")

OPERATOR_IMAGE = f"{GROUP}/operator"
SERVING_IMAGE = f"{GROUP}/serving"
ENVOY_IMAGE = f"{GROUP}/envoy"

COMPONENT_PREDICTOR = "predictor"
COMPONENT_ROUTER = "router"
COMPONENT_STEP = "step"
COMPONENT_TRAINER = "trainer"
COMPONENT_RESOLVE = "resolve"


def routing_intent_name(model: str) -> str:
    """Return the name of the ConfigMap that carries a model's routing intent."""
    return f"{model}-routing"


def hash10(text: str) -> str:
    """Return the first ten hex digits of sha256, as used in names of revisions and Jobs."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]
