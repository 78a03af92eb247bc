"""Every refusal of the API server says what to write instead: a corpus of invalid objects."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Document = dict[str, Any]
Persons = Callable[..., Any]
DIGEST = f"sha256:{'a' * 64}"
REMOVED = object()


def model() -> Document:
    """Return a ModelDeployment that is accepted."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "digits"},
        "spec": {"model": {"uri": "s3://models/digits/"}},
    }


def run() -> Document:
    """Return a RetrainJob that is accepted."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "RetrainJob",
        "metadata": {"name": "digits-1"},
        "spec": {
            "modelRef": {"name": "digits"},
            "trainer": {"recipe": {"name": "tabular-classification"}},
            "data": {
                "source": {"uri": "s3://data/digits.parquet"},
                "columns": {"label": "digit"},
            },
            "output": {"uri": "s3://models/digits/"},
        },
    }


def decision() -> Document:
    """Return a Decision that is accepted from the administrator."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": "approve-1"},
        "spec": {
            "action": "Approve",
            "target": {"kind": "ModelDeployment", "name": "digits"},
            "by": "admin",
            "attempt": "0123456789-a1",
            "evidenceDigest": DIGEST,
        },
    }


def changed(document: Document, changes: Mapping[str, object]) -> Document:
    """Return the document with values set, or removed, at dotted paths."""
    result = copy.deepcopy(document)
    for path, value in changes.items():
        *folders, last = path.split(".")
        place = result
        for folder in folders:
            place = place.setdefault(folder, {})
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return result


def volume(**fields: object) -> dict[str, object]:
    """Return one volume in a list, with an empty folder unless another source is given."""
    sources = {"configMap", "secret", "persistentVolumeClaim"} & fields.keys()
    source = {} if sources else {"emptyDir": {"sizeLimit": "1Gi"}}
    return {"spec.pod.volumes": [{"name": "data", "mountPath": "/data", **source, **fields}]}


TWO_COLUMNS = {"label": "digit", "time": "seen"}
REGRESSION = {"recipe": {"name": "tabular-regression"}}
CONTAINER = {"image": f"registry.example/train@{DIGEST}"}

# What is changed, the field that is named, and words of the refusal.
MODELS: tuple[tuple[Mapping[str, object], str, str], ...] = (
    ({"metadata.name": "Digits"}, "metadata.name", "lower-case"),
    ({"metadata.name": "1digits"}, "metadata.name", "that starts with a letter"),
    ({"metadata.name": "digits.v1"}, "metadata.name", "at most 40 lower-case letters"),
    ({"metadata.name": "d" * 41}, "metadata.name", "may not be more than 40"),
    ({"spec": REMOVED}, "spec", "Required value"),
    ({"spec.model": REMOVED}, "spec.model", "Required value"),
    ({"spec.model.uri": REMOVED}, "spec.model.uri", "Required value"),
    ({"spec.modle": {}}, "spec.modle", "unknown field"),
    ({"spec.monitoring": {}}, "spec.monitoring", "unknown field"),
    ({"spec.model.uri": ""}, "spec.model.uri", "starts with file:///<path>, s3://<bucket>/<key>"),
    ({"spec.model.uri": "gs://b/m"}, "spec.model.uri", "starts with file:///<path>"),
    ({"spec.model.uri": "s3://models"}, "spec.model.uri", "s3://<bucket>/<key>"),
    ({"spec.model.uri": "file://host/m"}, "spec.model.uri", "starts with file:///<path>"),
    ({"spec.model.uri": "https://a:b@host/m"}, "spec.model.uri", "set credentialsSecretRef"),
    ({"spec.model.uri": "s3://b/a\\b"}, "spec.model.uri", "plain ASCII without spaces"),
    ({"spec.model.uri": "s3://b/a b"}, "spec.model.uri", "plain ASCII without spaces"),
    ({"spec.model.uri": "s3://b/a\n"}, "spec.model.uri", "plain ASCII without spaces"),
    ({"spec.model.uri": "https://h/m#x"}, "spec.model.uri", "plain ASCII without spaces"),
    ({"spec.model.uri": "file:///a/../b"}, "spec.model.uri", "remove '.' and '..'"),
    ({"spec.model.uri": "https://h/%2e%2E/b"}, "spec.model.uri", "remove '.' and '..'"),
    ({"spec.model.uri": f"s3://b/{'a' * 2048}"}, "spec.model.uri", "may not be more than 2048"),
    ({"spec.model.digest": "abc"}, "spec.model.digest", "set sha256: and 64 lower-case hex"),
    ({"spec.model.digest": DIGEST.upper()}, "spec.model.digest", "set sha256: and 64"),
    ({"spec.model.format": "pickle"}, "spec.model.format", '"onnx", "skops", "joblib"'),
    ({"spec.model.format": "joblib"}, "spec.model.digest", "set digest, because a joblib file"),
    (
        {"spec.model": {"uri": "file:///m", "credentialsSecretRef": {"name": "s"}}},
        "spec.model.credentialsSecretRef",
        "remove credentialsSecretRef, because a file location",
    ),
    (
        {"spec.model.credentialsSecretRef": {"name": "other/secret"}},
        "spec.model.credentialsSecretRef.name",
        "set the name of an object in this namespace",
    ),
    (
        {"spec.model.credentialsSecretRef": {"name": "s", "namespace": "other"}},
        "credentialsSecretRef.namespace",
        "unknown field",
    ),
    ({"spec.replicas": -1}, "spec.replicas", "greater than or equal to 0"),
    ({"spec.replicas": "2"}, "spec.replicas", "must be of type integer"),
    (
        {"spec.resources": {"limits": {"memory": "many"}}},
        "spec.resources.limits[memory]",
        "set a quantity of 0 or more, like 500m, 2 or 1Gi",
    ),
    (
        {"spec.resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
        "spec.resources.requests",
        "set requests at or below limits",
    ),
    ({"spec.resources": {"claims": []}}, "spec.resources.claims", "unknown field"),
    ({"spec.rollout.strategy": "BlueGreen"}, "spec.rollout.strategy", '"Canary", "Recreate"'),
    (
        {"spec.rollout": {"strategy": "Recreate", "canary": {"steps": [{"weight": 5}]}}},
        "spec.rollout.canary",
        "remove canary or set strategy: Canary",
    ),
    (
        {"spec.rollout.canary.steps": [{"weight": 50}, {"weight": 10}]},
        "spec.rollout.canary.steps",
        "set weights that rise from step to step",
    ),
    (
        {"spec.rollout.canary.steps": [{"weight": 50}, {"weight": 50}]},
        "spec.rollout.canary.steps",
        "set weights that rise from step to step",
    ),
    ({"spec.rollout.canary.steps": []}, "canary.steps", "at least 1 items"),
    (
        {"spec.rollout.canary.steps": [{"weight": each} for each in range(1, 18)]},
        "spec.rollout.canary.steps",
        "must have at most 16 items",
    ),
    ({"spec.rollout.canary.steps": [{"weight": 0}]}, "steps[0].weight", "equal to 1"),
    ({"spec.rollout.canary.steps": [{"weight": 100}]}, "steps[0].weight", "equal to 99"),
    ({"spec.rollout.canary.steps": [{"dwell": "1m"}]}, "steps[0].weight", "Required value"),
    (
        {"spec.rollout.canary.steps": [{"weight": 5, "dwell": "1h30m"}]},
        "steps[0].dwell",
        "set a whole number and one unit, like 30s",
    ),
    ({"spec.rollout.promotion.bake": "0s"}, "promotion.bake", "set a whole number and one unit"),
    ({"spec.rollout.deadlines.preparing": "ten"}, "deadlines.preparing", "like 30s, 10m"),
    ({"spec.rollout.approval.timeout": "1w"}, "approval.timeout", "like 30s, 10m, 24h or 7d"),
    ({"spec.pod.env": [{"name": "A B"}]}, "spec.pod.env[0].name", "letters, digits and '_'"),
    ({"spec.pod.env": [{"name": "PERENNIAL_IN"}]}, "env[0].name", "set another name, because"),
    (
        {"spec.pod.env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        "spec.pod.env[1]",
        "Duplicate value",
    ),
    (
        {"spec.pod.env": [{"name": "A", "valueFrom": {}}]},
        "spec.pod.env[0].valueFrom",
        "set exactly one of secretKeyRef and configMapKeyRef",
    ),
    (
        {"spec.pod.env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec"}}}]},
        "valueFrom.fieldRef",
        "unknown field",
    ),
    (
        {
            "spec.pod.env": [
                {
                    "name": "A",
                    "value": "1",
                    "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}},
                }
            ]
        },
        "spec.pod.env[0].valueFrom",
        "set value or valueFrom, not both",
    ),
    (volume(hostPath={"path": "/"}), "hostPath", "unknown field"),
    (volume(emptyDir={}), "emptyDir.sizeLimit", "Required value"),
    (volume(secret={"secretName": "s"}, emptyDir={"sizeLimit": 1}), "name", "set exactly one of"),
    (volume(name="models"), "volumes[0].name", "set another name than models, scratch"),
    (volume(name="Data"), "volumes[0].name", "because Pods demand it"),
    (volume(mountPath="data"), "volumes[0].mountPath", "set an absolute path"),
    (volume(mountPath="/data/../models"), "volumes[0].mountPath", "set an absolute path without"),
    (volume(mountPath="/models/x"), "volumes[0].mountPath", "set a path outside /models"),
    (volume(mountPath="/perennial"), "volumes[0].mountPath", "set a path outside /models"),
    (volume(subPath="../x"), "volumes[0].subPath", "set a relative path without '..'"),
    ({"spec.pod.securityContext": {"runAsUser": 0}}, "runAsUser", "Pods never run as root"),
    ({"spec.pod.securityContext": {"privileged": True}}, "privileged", "unknown field"),
    ({"spec.pod.hostNetwork": True}, "spec.pod.hostNetwork", "unknown field"),
    (
        {"spec.pod.tolerations": [{"operator": "Equal", "value": "x"}]},
        "spec.pod.tolerations[0].key",
        "set key, or set operator: Exists",
    ),
    (
        {"spec.pod.tolerations": [{"key": "k", "operator": "Exists", "value": "x"}]},
        "spec.pod.tolerations[0].value",
        "remove value or set operator: Equal",
    ),
    ({"spec.pod.serviceAccountName": "a b"}, "spec.pod.serviceAccountName", "set the name of an"),
)

RUNS: tuple[tuple[Mapping[str, object], str, str], ...] = (
    ({"metadata.name": "r" * 39}, "metadata.name", "may not be more than 38"),
    ({"metadata.name": "Run"}, "metadata.name", "set a name of at most 38 lower-case"),
    ({"spec.modelRef": REMOVED}, "spec.modelRef", "Required value"),
    ({"spec.output": REMOVED}, "spec.output", "Required value"),
    ({"spec.output.uri": "https://h/m"}, "output.uri", "file:///<path> or s3://<bucket>/<key>"),
    ({"spec.trainer": {}}, "spec.trainer", "set exactly one of recipe"),
    (
        {"spec.trainer.container": CONTAINER},
        "spec.trainer",
        "set exactly one of recipe (a trainer of ours) and container (your own image)",
    ),
    ({"spec.trainer.recipe.name": "magic"}, "recipe.name", '"tabular-classification"'),
    (
        {"spec.trainer": {"container": {"image": "registry.example/train:1"}}},
        "spec.trainer.container.image",
        "set repository@sha256:<64 hex digits>, because a tag",
    ),
    (
        {
            "spec.trainer": {
                "container": {**CONTAINER, "env": [{"name": "A", "value": "1"}]},
                "pod": {"env": [{"name": "B", "value": "2"}]},
            }
        },
        "spec.trainer.pod",
        "move pod.env to container.env",
    ),
    ({"spec.trainer": {"container": {**CONTAINER, "command": "sh -c x"}}}, "command", "array"),
    ({"spec.engine": {"type": "RayJob"}}, "spec.engine.type", 'supported values: "Job"'),
    ({"spec.trigger": {"type": "Schedule"}}, "spec.trigger.type", '"Manual", "Retry"'),
    ({"spec.trigger": {"type": "Retry"}}, "spec.trigger.id", "set id to the run"),
    ({"spec.parameters": {"depth": 3}}, "spec.parameters.depth", "must be of type string"),
    ({"spec.parameters": {"a": "x" * 1025}}, "spec.parameters.a", "may not be more than 1024"),
    ({"spec.seed": -1}, "spec.seed", "greater than or equal to 0"),
    ({"spec.limits": {"attempts": 11}}, "spec.limits.attempts", "less than or equal to 10"),
    ({"spec.limits": {"activeDeadline": "6"}}, "spec.limits.activeDeadline", "one unit"),
    ({"spec.approval": {"minApprovals": 0}}, "spec.approval.minApprovals", "equal to 1"),
    ({"spec.data.columns.label": REMOVED}, "spec.data.columns.label", "Required value"),
    ({"spec.data.columns.time": "digit"}, "spec.data.columns.label", "set another column"),
    ({"spec.data.source.format": "Xml"}, "spec.data.source.format", '"Parquet", "Csv"'),
    ({"spec.data.window": {"last": "90d"}}, "spec.data.window", "unknown field"),
    ({"spec.data.split": {"strategy": "Temporal"}}, "spec.data.columns", "set columns.time"),
    (
        {"spec.data.columns": TWO_COLUMNS, "spec.data.split": {"strategy": "Random"}},
        "spec.data.split",
        "set split.strategy: Temporal, or remove columns.time",
    ),
    (
        {"spec.data.split": {"strategy": "Random", "holdout": "1d"}},
        "spec.data.split.strategy",
        "remove holdout and gap or set strategy: Temporal",
    ),
    ({"spec.data.split": {"holdout": "1d"}}, "spec.data.split", "or set columns.time"),
    ({"spec.data.split": {"groups": "Shared"}}, "spec.data.split", "set columns.group"),
    (
        {
            "spec.data.source.uri": "file:///d.csv",
            "spec.data.credentialsSecretRef": {"name": "s"},
        },
        "spec.data.credentialsSecretRef",
        "remove credentialsSecretRef",
    ),
    (
        {"spec.output": {"uri": "file:///m", "credentialsSecretRef": {"name": "s"}}},
        "spec.output.credentialsSecretRef",
        "remove credentialsSecretRef",
    ),
    ({"spec.data.quality": {"minRows": 0}}, "quality.minRows", "greater than or equal to 1"),
    ({"spec.data.quality": {"maxDuplicates": "1.5"}}, "maxDuplicates", 'a share from "0" to "1"'),
    ({"spec.data.quality": {"maxNullIncrease": 0.1}}, "maxNullIncrease", "type string"),
    ({"spec.validation": {"alpha": "0"}}, "validation.alpha", 'above "0" and at most "0.2"'),
    ({"spec.validation": {"alpha": "0.3"}}, "validation.alpha", 'above "0" and at most "0.2"'),
    ({"spec.validation": {"alpha": "5e-2"}}, "validation.alpha", 'in quotes, like "0.05"'),
    ({"spec.validation": {"mode": "Observe"}}, "spec.approval", "set approval.required: true"),
    (
        {
            "spec.validation": {"mode": "None", "metrics": [{"name": "accuracy"}]},
            "spec.approval": {"required": True},
        },
        "spec.validation.metrics",
        "remove metrics, or set mode",
    ),
    (
        {"spec.validation": {"metrics": [{"name": "accuracy"}, {"name": "accuracy"}]}},
        "spec.validation.metrics[1]",
        "Duplicate value",
    ),
    (
        {"spec.validation": {"metrics": [{"name": "mae"}]}},
        "spec.validation.metrics",
        "set metrics of tabular-classification: roc_auc",
    ),
    (
        {"spec.trainer": REGRESSION, "spec.validation": {"metrics": [{"name": "accuracy"}]}},
        "spec.validation.metrics",
        "set metrics of tabular-regression: mae, rmse",
    ),
    (
        {
            "spec.trainer": {"container": CONTAINER},
            "spec.validation": {"metrics": [{"name": "accuracy"}, {"name": "mae"}]},
        },
        "spec.validation.metrics",
        "set metrics of one task",
    ),
    (
        {"spec.validation": {"metrics": [{"name": "accuracy", "margin": "-0.1"}]}},
        "metrics[0].margin",
        "set a decimal of 0 or more in quotes",
    ),
    (
        {"spec.validation": {"metrics": [{"name": "accuracy", "marginType": "Relative"}]}},
        "metrics[0].marginType",
        "set margin, or remove marginType",
    ),
    ({"spec.validation": {"onFail": "Promote"}}, "validation.onFail", '"Reject"'),
)

ABORT = {"spec.action": "Abort", "spec.evidenceDigest": REMOVED}
DECISIONS: tuple[tuple[Mapping[str, object], str, str], ...] = (
    ({"spec.action": "Freeze"}, "spec.action", '"Approve", "Reject", "Abort"'),
    ({"spec.target.kind": "Pod"}, "spec.target.kind", '"ModelDeployment", "RetrainJob"'),
    ({"spec.target": REMOVED}, "spec.target", "Required value"),
    ({"spec.by": REMOVED}, "spec.by", "Required value"),
    ({"spec.evidenceDigest": REMOVED}, "spec.evidenceDigest", "set evidenceDigest to the digest"),
    ({"spec.evidenceDigest": "abc"}, "spec.evidenceDigest", "as the object's status shows them"),
    (
        {"spec.action": "Promote", "spec.evidenceDigest": ""},
        "spec.evidenceDigest",
        "count for the evidence that you saw",
    ),
    ({"spec.action": "Reject", "spec.attempt": REMOVED}, "spec.attempt", "set attempt to the one"),
    ({**ABORT, "spec.attempt": REMOVED}, "spec.attempt", "set attempt to the one"),
    ({"spec.action": "Abort"}, "spec.evidenceDigest", "remove evidenceDigest, because only"),
    (
        {**ABORT, "spec.target": {"kind": "RetrainJob", "name": "digits-1"}},
        "spec.attempt",
        "remove attempt, because this action is not about one",
    ),
    (
        {**ABORT, "spec.action": "Retry", "spec.attempt": REMOVED},
        "spec.revision",
        "set revision to the one in status.revisions.rejected",
    ),
    ({"spec.revision": "digits-0123456789"}, "spec.revision", "remove revision, because only"),
    (
        {
            "spec.action": "Rollback",
            "spec.target.kind": "RetrainJob",
            "spec.attempt": REMOVED,
            "spec.evidenceDigest": REMOVED,
        },
        "spec.target",
        "set target.kind: ModelDeployment",
    ),
    ({"spec.reason": "x" * 1025}, "spec.reason", "may not be more than 1024"),
)

CASES = [
    pytest.param(changed(good, changes), field, words, id=f"{good['kind']}-{number}-{field}")
    for good, corpus in ((model(), MODELS), (run(), RUNS), (decision(), DECISIONS))
    for number, (changes, field, words) in enumerate(corpus)
]


def test_the_corpus_is_large() -> None:
    """At least sixty objects are refused."""
    assert len(CASES) >= 60


@pytest.mark.parametrize("good", [model(), run(), decision()], ids=lambda each: each["kind"])
def test_what_the_corpus_starts_from_is_accepted(person: Persons, good: Document) -> None:
    """Each invalid object is one change away from a valid one."""
    answer = person("admin").create(good)

    assert (answer.status, answer.message) == (201, "")


@pytest.mark.parametrize(("document", "field", "words"), CASES)
def test_an_invalid_object_is_refused_with_the_next_step(
    person: Persons, *, document: Document, field: str, words: str
) -> None:
    """The refusal names the field and says what to write."""
    answer = person("admin").create(document)

    assert answer.status in (400, 422), answer
    assert field in answer.message
    assert words in answer.message


@pytest.mark.parametrize(
    ("good", "changes", "words"),
    [
        (run(), {"spec.seed": 7}, "create another RetrainJob, because the inputs of a run never"),
        (run(), {"spec.trainer.pod": {"affinity": {}}}, "create another RetrainJob"),
        (decision(), {"spec.reason": "later"}, "create another Decision, because one that was"),
        (decision(), {"spec.by": "approver"}, "create another Decision"),
    ],
    ids=["seed", "pod", "reason", "by"],
)
def test_what_was_decided_or_started_never_changes(
    person: Persons, *, good: Document, changes: Mapping[str, object], words: str
) -> None:
    """Runs and Decisions are immutable as a whole."""
    admin = person("admin")
    made = admin.create(good, keep=True)
    try:
        answer = admin.replace(changed(made.document, changes))
    finally:
        admin.delete(good)

    assert answer.status == 422
    assert words in answer.message
