"""A ControllerRevision holds identity and template, and notes beside them."""

from dataclasses import replace

from perennial_operator.plan.manifests import controller_revisions
from perennial_operator.plan.rollout.revisions import Revision
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON

META = Meta("churn", "default", "uid-1", 3, "9", NOON)
REVISION = Revision("churn-1", {"model": {"uri": "u"}}, "image:1", {"spec": {}})


def test_identity_is_data_and_history_is_annotations() -> None:
    """Data never changes again; numbers and refusals may."""
    known = replace(REVISION, promotion=3, model_hash="h", attempts=2, rejected="Breaker")
    found = controller_revisions.controller_revision(META, known)
    assert found["data"] == {
        "projection": {"model": {"uri": "u"}},
        "image": "image:1",
        "template": {"spec": {}},
    }
    assert found["revision"] == 3
    assert found["metadata"]["annotations"] == {
        "perennial.dev/promotion": "3",
        "perennial.dev/model-hash": "h",
        "perennial.dev/attempts": "2",
        "perennial.dev/rejected": "Breaker",
    }
    assert found["metadata"]["labels"]["perennial.dev/revision"] == "churn-1"


def test_nothing_to_remember_leaves_no_annotation() -> None:
    """Never promoted, never tried, never refused."""
    found = controller_revisions.controller_revision(META, REVISION)
    assert found["metadata"]["annotations"] == {}
    assert found["revision"] == 0
