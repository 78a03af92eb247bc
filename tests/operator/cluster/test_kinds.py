"""The table of kinds knows paths and names."""

import pytest

from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Kind


@pytest.mark.parametrize(
    ("kind", "place", "path"),
    [
        (kinds.POD, {}, "/api/v1/pods"),
        (kinds.POD, {"namespace": "a", "name": "b"}, "/api/v1/namespaces/a/pods/b"),
        (
            kinds.MODEL_DEPLOYMENT,
            {"namespace": "a", "name": "b", "subresource": "status"},
            "/apis/perennial.dev/v1alpha1/namespaces/a/modeldeployments/b/status",
        ),
        (
            kinds.ADMISSION_POLICY,
            {"name": "p"},
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/p",
        ),
    ],
)
def test_paths_follow_the_api(kind: Kind, place: dict[str, str], path: str) -> None:
    """Core and other groups, namespaced and not, with subresource."""
    assert kinds.path(kind, **place) == path


def test_a_document_leads_to_its_kind() -> None:
    """By apiVersion and kind; an unknown one is an error."""
    assert kinds.of({"apiVersion": "batch/v1", "kind": "Job"}) == kinds.JOB
    with pytest.raises(KeyError):
        kinds.of({"apiVersion": "batch/v2", "kind": "Job"})


def test_every_kind_is_found_by_its_name() -> None:
    """No two kinds share a name."""
    assert [kinds.named(kind.kind) for kind in kinds.ALL] == list(kinds.ALL)


def test_secrets_are_never_watched() -> None:
    """We may create Secrets, not read them."""
    assert kinds.SECRET not in kinds.WATCHED
