"""Builders return documents that parse."""

import pytest

from perennial_operator.api.documents import parse
from perennial_operator.testing import decision, model_deployment, retrain_job


def test_documents_are_admissible() -> None:
    """Nothing is found wrong with them."""
    target = {"kind": "ModelDeployment", "name": "churn"}
    assert parse.model_deployment(model_deployment()).findings == ()
    assert parse.retrain_job(retrain_job()).findings == ()
    assert parse.decision(decision("d", "Abort", target=target)).findings == ()


@pytest.mark.parametrize("replicas", [0, 3])
def test_keywords_are_fields_of_spec(replicas: int) -> None:
    """They replace or add."""
    spec = parse.model_deployment(model_deployment(replicas=replicas)).value
    assert spec
    assert spec.replicas == replicas


def test_another_model_has_another_digest() -> None:
    """So it is another revision."""
    digests = {model_deployment(model=each)["spec"]["model"]["digest"] for each in ("one", "two")}
    assert len(digests) == 2
