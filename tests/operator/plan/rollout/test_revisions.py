"""A revision is all that can change an answer or a Pod, and is remembered by its annotations."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api import documents, reasons
from perennial_operator.api.model_deployment import Model, ModelDeploymentSpec
from perennial_operator.api.schema.shared_types import LocalReference
from perennial_operator.api.status.model_deployment import Chosen, RejectedRevision, Revisions
from perennial_operator.plan.rollout import revisions
from perennial_operator.plan.rollout.revisions import Revision
from perennial_operator.testing import Rollout
from perennial_operator.testing.builders import digest, model_deployment


def spec(**fields: object) -> ModelDeploymentSpec:
    """Return a spec."""
    return documents.load(ModelDeploymentSpec, model_deployment(**fields)["spec"])


def revision(name: str, promotion: int = 0, **changes: object) -> Revision:
    """Return a revision as history holds it."""
    made = Revision(name, {"model": {"uri": "u", "digest": "d"}}, "image", {}, promotion)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of Revision


def identity(spec_: ModelDeploymentSpec) -> str:
    """Return the hash of the revision that a pinned spec asks for."""
    model = revisions.model_part(spec_.model, spec_.model.digest)
    return revisions.hash_of(revisions.projection(model, spec_))


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "two"},
        {"resources": {"limits": {"cpu": "1"}}},
        {"pod": {"env": [{"name": "A", "value": "b"}]}},
        {"pod": {"hostUsers": False}},
    ],
)
def test_what_changes_a_pod_is_another_revision(fields: dict[str, object]) -> None:
    """Each such field is part of the identity."""
    assert identity(spec(**fields)) != identity(spec())


@pytest.mark.parametrize(
    "fields", [{"replicas": 5}, {"rollout": {"strategy": "Recreate"}}, {"pod": {}}]
)
def test_how_much_and_how_is_no_other_revision(fields: dict[str, object]) -> None:
    """Scale and strategy start no rollout; set and unset equals never set."""
    assert identity(spec(**fields)) == identity(spec())


@given(st.permutations(["uri", "digest", "format", "credentials"]))
def test_the_order_of_fields_changes_no_identity(order: list[str]) -> None:
    """Canonical JSON: equal content, equal name."""
    model = dict.fromkeys(order, "x")
    assert revisions.hash_of(model) == revisions.hash_of(dict.fromkeys(sorted(order), "x"))


def test_credentials_are_part_of_a_model() -> None:
    """Another Secret mounts something else."""
    model = Model("s3://m", format="onnx", credentials_secret_ref=LocalReference("keys"))
    assert revisions.model_part(model, digest("a")) == {
        "uri": "s3://m",
        "digest": digest("a"),
        "format": "onnx",
        "credentials": "keys",
    }


def test_history_reads_what_was_written() -> None:
    """A ControllerRevision gives back the revision with its numbers."""
    rollout = Rollout().serve()
    known = rollout.view().known
    (found,) = known.values()
    assert (found.promotion, found.attempts, found.rejected) == (1, 1, "")
    assert found.digest == digest("one")
    assert found.model_hash == rollout.status.revisions.committed_model
    assert found.template["spec"]["containers"][0]["name"] == "predictor"
    assert revisions.newest_promotion(known) == 1
    assert revisions.newest_promotion({}) == 0


def test_a_return_gets_a_new_promotion_number() -> None:
    """Numbers rise at each commit, also of a revision that served before."""
    roles = Revisions(stable="a", committed_model="hash")
    first = revisions.remembered(revision("a", 1), roles, number=2, attempt=2)
    assert (first.promotion, first.attempts, first.model_hash) == (3, 2, "hash")
    assert revisions.remembered(first, roles, number=3, attempt=0) == first


def test_a_refusal_is_remembered_and_forgotten() -> None:
    """The annotation follows the list in status."""
    entry = RejectedRevision("b", "b-a1", reasons.BREAKER, "")
    refused = revisions.remembered(revision("b"), Revisions(rejected=(entry,)), number=1, attempt=1)
    assert refused.rejected == reasons.BREAKER
    again = revisions.remembered(refused, Revisions(), number=1, attempt=0)
    assert (again.rejected, again.attempts) == ("", 1)


def test_roles_refusals_and_the_newest_are_kept() -> None:
    """Ten promoted ones and the ten newest others stay beside those in use."""
    known = {
        f"r{n:02}": revision(f"r{n:02}", n if n < 20 else 0, created_at=f"{n:02}")
        for n in range(40)
    }
    entry = RejectedRevision("r02", "", reasons.BREAKER, "")
    chosen = Chosen("r03", "Rollback", "")
    roles = Revisions(stable="r01", rejected=(entry,), chosen=chosen, candidate="absent")

    found = revisions.kept(known, roles)

    promoted = {f"r{n:02}" for n in range(10, 20)}
    newest = {f"r{n:02}" for n in range(30, 40)}
    assert found == {"r01", "r02", "r03"} | promoted | newest
