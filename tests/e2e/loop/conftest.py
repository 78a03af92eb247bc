"""The whole product in a sandbox: operator, router, serving Pods, and models in an object store."""

import ssl
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import skops.io
from loop_stage import (
    BUCKET,
    NAMESPACE,
    ROWS,
    SECRET,
    TRAINER,
    Kube,
    Published,
    Stage,
    broken_model,
    editors,
    half_model,
    publish,
    table,
)
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from perennial_operator.cluster import kinds
from perennial_operator.console import install
from perennial_operator.console.verbs.sandbox import images
from perennial_sandbox import sandbox


@pytest.fixture(scope="session")
def kube(
    tmp_path_factory: pytest.TempPathFactory,
    object_store: Any,  # noqa: ANN401  # a fixture of the root's conftest
) -> Iterator[Kube]:
    """Yield a sandbox with the operator in it."""
    directory = tmp_path_factory.mktemp("loop") / "state"
    settings = {
        "PERENNIAL_ALLOWED_HOSTS": f"http://{object_store.host}",
        "PERENNIAL_ALLOW_PRIVATE_NETWORKS": "true",
        "PERENNIAL_ALLOWED_TRAINER_IMAGES": TRAINER,
    }
    object_store.make_bucket(BUCKET)
    object_store.put(BUCKET, ROWS, table())
    try:
        running = sandbox.up(
            directory,
            images={**images(), TRAINER: [sys.executable]},
            manifests=install.manifests(settings=settings),
        )
        context = ssl.create_default_context(cafile=str(running.ca_file))
        headers = {"Authorization": f"Bearer {running.tokens['admin']}"}
        with httpx.Client(
            base_url=running.server, headers=headers, verify=context, timeout=30
        ) as http:
            yield Kube(running, http)
    finally:
        sandbox.down(directory)


@pytest.fixture(scope="session")
def published(
    tmp_path_factory: pytest.TempPathFactory,
    object_store: Any,  # noqa: ANN401  # a fixture of the root's conftest
    kube: Kube,
) -> dict[str, Published]:
    """Publish two good models, one that cannot predict and one that answers half its requests."""
    assert kube
    folder = tmp_path_factory.mktemp("models")
    data = load_breast_cancer()
    found = {}
    for name, rows in (("v1", 120), ("v2", 300)):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        path = folder / f"{name}.skops"
        skops.io.dump(model.fit(data.data[:rows].astype(np.float32), data.target[:rows]), path)
        found[name] = publish(path, object_store)
    for name, graph in (("broken", broken_model()), ("half", half_model())):
        path = folder / f"{name}.onnx"
        path.write_bytes(graph)
        found[name] = publish(path, object_store)
    return found


@pytest.fixture
def stage(
    *,
    request: pytest.FixtureRequest,
    kube: Kube,
    published: dict[str, Published],
    object_store: Any,  # noqa: ANN401  # a fixture of the root's conftest
) -> Iterator[Stage]:
    """Yield a namespace with the store's Secret; it is deleted afterwards."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, user="admin")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": name},
        "stringData": object_store.credentials(),
    }
    kube.apply(secret, user="admin")
    kube.apply(editors(name), user="admin")
    yield Stage(kube, object_store, name, published)
    kube.http.delete(kinds.path(NAMESPACE, name=name))
