"""What the documents show, and an object with every field, is accepted and stays as written."""

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial_sandbox.sandbox import Running

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
NAMESPACE = "corpus"
Document = dict[str, Any]
Persons = Callable[..., Any]
DIGEST = f"sha256:{'a' * 64}"
VALUES = {
    "MODEL_URI": "s3://models/digits/",
    "MODEL_DIGEST": DIGEST,
    "DATA_URI": "s3://data/digits.parquet",
    "STORE_URI": "s3://models/digits/",
    "ATTEMPT": "1",
    "EVIDENCE_DIGEST": DIGEST,
}
EVERY_POD_FIELD: Document = {
    "env": [
        {"name": "A", "value": "b"},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
    ],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app": "digits"}},
                    },
                }
            ]
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
        }
    ],
    "serviceAccountName": "default",
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [
        {"name": "c", "mountPath": "/c", "readOnly": True, "configMap": {"name": "c"}},
        {"name": "s", "mountPath": "/s", "secret": {"secretName": "s"}},
        {"name": "e", "mountPath": "/e", "emptyDir": {"sizeLimit": "1500Mi"}},
        {
            "name": "p",
            "mountPath": "/p",
            "subPath": "a/b",
            "persistentVolumeClaim": {"claimName": "p"},
        },
    ],
    "runtimeClassName": "gvisor",
    "hostUsers": False,
    "securityContext": {"runAsUser": 1000, "fsGroup": 1000, "supplementalGroups": [1, 2]},
}
RESOURCES = {"requests": {"cpu": "1500m", "memory": "0.5Gi"}, "limits": {"cpu": 2}}
EVERYTHING: tuple[Document, ...] = (
    {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "everything"},
        "spec": {
            "model": {
                "uri": "https://models.example:8443/a/b.joblib?v=1",
                "digest": DIGEST,
                "format": "joblib",
                "credentialsSecretRef": {"name": "store"},
            },
            "replicas": 0,
            "resources": RESOURCES,
            "pod": EVERY_POD_FIELD,
            "rollout": {
                "strategy": "Canary",
                "canary": {"steps": [{"weight": 1}, {"weight": 99, "dwell": "7d"}]},
                "approval": {"promotion": True, "timeout": "24h"},
                "deadlines": {"preparing": "10m"},
                "promotion": {"bake": "1s", "keepPreviousFor": "999999d"},
            },
        },
    },
    {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "RetrainJob",
        "metadata": {"name": "everything"},
        "spec": {
            "modelRef": {"name": "everything"},
            "requestedBy": "admin",
            "trigger": {"type": "Manual", "id": "", "nominalTime": "2026-01-31T00:00:00Z"},
            "trainer": {
                "container": {
                    "image": f"registry.example:5000/team/train@{DIGEST}",
                    "command": ["train"],
                    "args": ["--rows", "; touch /tmp/x", "$(id)"],
                    "env": [{"name": "A", "value": "b\nc"}],
                    "workingDir": "/data",
                },
                "pod": {
                    **{key: each for key, each in EVERY_POD_FIELD.items() if key != "env"},
                    "resources": RESOURCES,
                },
            },
            "engine": {"type": "Job"},
            "parameters": {"max depth": "3"},
            "seed": 0,
            "data": {
                "source": {"uri": "s3://data/a.parquet", "version": "v1", "format": "Parquet"},
                "columns": {
                    "label": "left",
                    "time": "seen",
                    "group": "customer",
                    "id": "row",
                    "weight": "w",
                },
                "credentialsSecretRef": {"name": "store"},
                "split": {
                    "strategy": "Temporal",
                    "holdout": "14d",
                    "gap": "",
                    "groups": "Shared",
                },
                "quality": {
                    "schema": "None",
                    "minRows": 1,
                    "maxNullIncrease": "0",
                    "maxDuplicates": "1.000000",
                },
            },
            "limits": {"attempts": 10, "activeDeadline": "30s"},
            "validation": {
                "mode": "Observe",
                "goal": "Superior",
                "alpha": "0.2",
                "metrics": [
                    {
                        "name": "accuracy",
                        "margin": "0.01",
                        "marginType": "Absolute",
                        "gain": "0",
                        "floor": "-1.5",
                    }
                ],
                "minSamples": 1,
                "onFail": "RequireApproval",
                "onInconclusive": "Reject",
                "onNoChampion": "Accept",
            },
            "approval": {"required": True, "minApprovals": 5, "timeout": "7d"},
            "output": {"uri": "s3://models/a/", "credentialsSecretRef": {"name": "store"}},
        },
    },
)


def documented() -> Iterator[tuple[str, Document]]:
    """Yield every example of our kinds in README and docs, with its place."""
    for path in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*")]):
        text = path.read_text() if path.suffix in {".md", ".yaml"} else ""
        blocks = (
            re.findall(r"```ya?ml\n(.*?)```", text, re.DOTALL) if path.suffix == ".md" else [text]
        )
        for number, block in enumerate(blocks):
            for document in yaml.safe_load_all(filled(block)):
                if (document or {}).get("apiVersion", "").startswith("perennial.dev/"):
                    yield f"{path.relative_to(ROOT).as_posix()}-{number}", document


def filled(text: str) -> str:
    """Return an example with its `${...}` placeholders filled in."""
    return re.sub(r"\$\{(\w+)\}", lambda found: VALUES[found[1]], text)


EXAMPLES = list(documented())


def kubectl(running: Running, user: str, *arguments: str, content: object = None) -> Any:  # noqa: ANN401  # completed process of text
    """Run kubectl as a user and return what came of it."""
    assert running.kubectl is not None, "the binaries lack kubectl, which these tests speak through"
    command = [str(running.kubectl), "--kubeconfig", str(running.kubeconfig), "--context", user]
    return subprocess.run(
        [*command, "--namespace", NAMESPACE, *arguments],
        input=json.dumps(content),
        capture_output=True,
        text=True,
        check=False,
    )


def author(document: Document) -> str:
    """Return who the example is applied by."""
    spec = document["spec"]
    return str(spec.get("by") or spec.get("requestedBy") or "scientist")


def test_there_are_examples_of_the_kinds_that_users_write() -> None:
    """README and docs show at least a model, a run and a decision."""
    assert {document["kind"] for _, document in EXAMPLES} == {
        "ModelDeployment",
        "RetrainJob",
        "Decision",
    }


@pytest.mark.parametrize(
    "document", [each for _, each in EXAMPLES], ids=[id_ for id_, _ in EXAMPLES]
)
def test_an_example_applies_and_shows_no_difference(
    installed: Running, person: Persons, document: Document
) -> None:
    """`kubectl apply` takes it from its author, and `kubectl diff` is clean at once."""
    example = copy.deepcopy(document)
    user = author(example)
    try:
        applied = kubectl(installed, user, "apply", "-f", "-", content=example)
        difference = kubectl(installed, "admin", "diff", "-f", "-", content=example)
    finally:
        person("admin").delete(example)

    assert (applied.returncode, applied.stderr) == (0, "")
    assert (difference.returncode, difference.stdout) == (0, "")


@pytest.mark.parametrize("document", EVERYTHING, ids=lambda each: each["kind"])
def test_an_object_with_every_field_is_stored_as_written(
    installed: Running, person: Persons, document: Document
) -> None:
    """No field is pruned, defaulted or rewritten; both kinds of diff are clean."""
    admin = person("admin")
    try:
        applied = kubectl(installed, "admin", "apply", "--server-side", "-f", "-", content=document)
        difference = kubectl(
            installed, "admin", "diff", "--server-side", "-f", "-", content=document
        )
        assert (applied.returncode, applied.stderr) == (0, "")
        stored = admin.read(document)
    finally:
        admin.delete(document)

    assert (difference.returncode, difference.stdout) == (0, "")
    assert stored["spec"] == document["spec"]


def test_a_model_scales_by_the_scale_subresource(installed: Running, person: Persons) -> None:
    """`kubectl scale` and an autoscaler see the replicas, also if the user wrote none."""
    document = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "scaled"},
        "spec": {"model": {"uri": "s3://models/digits/"}},
    }
    admin = person("admin")
    admin.create(document, keep=True)
    try:
        scaled = kubectl(
            installed,
            "scientist",
            *("scale", "modeldeployments.perennial.dev/scaled"),
            *("--current-replicas=1", "--replicas=3"),
        )
        replicas = admin.read(document)["spec"]["replicas"]
    finally:
        admin.delete(document)

    assert (scaled.returncode, scaled.stderr) == (0, "")
    assert replicas == 3


@pytest.mark.parametrize(
    ("kind", "selector"),
    [
        ("retrainjobs", "spec.modelRef.name=digits"),
        ("decisions", "spec.target.name=digits,spec.action=Approve"),
    ],
)
def test_lists_can_be_narrowed_by_field(installed: Running, kind: str, selector: str) -> None:
    """Runs are found by their model, Decisions by target and action."""
    found = kubectl(
        installed, "approver", "get", f"{kind}.perennial.dev", "--field-selector", selector
    )

    assert (found.returncode, found.stderr.strip()) == (
        0,
        f"No resources found in {NAMESPACE} namespace.",
    )


def test_columns_say_what_a_person_asks_first(installed: Running, person: Persons) -> None:
    """The wide table of models has the documented columns."""
    document = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "shown"},
        "spec": {"model": {"uri": "s3://models/digits/"}},
    }
    admin = person("admin")
    admin.create(document, keep=True)
    try:
        table = kubectl(installed, "scientist", "get", "md", "shown", "-o", "wide")
    finally:
        admin.delete(document)

    assert table.stdout.splitlines()[0].split() == [
        *("NAME", "READY", "REASON", "STABLE", "CANDIDATE", "TRAFFIC", "AGE", "URL", "REPLICAS"),
    ]
