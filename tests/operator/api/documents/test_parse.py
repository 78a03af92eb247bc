"""Objects to values or findings, never exceptions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api.decision import DecisionSpec, DecisionStatus, Target
from perennial_operator.api.documents import parse
from perennial_operator.api.documents.parse import Finding, Parsed
from perennial_operator.api.model_deployment import Model, ModelDeploymentSpec
from perennial_operator.api.status.retrain_job import RetrainJobStatus

RUN: dict[str, Any] = {
    "modelRef": {"name": "digits"},
    "trainer": {"recipe": {"name": "tabular-classification"}},
    "data": {"source": {"uri": "s3://data/digits.csv"}, "columns": {"label": "digit"}},
    "output": {"uri": "s3://models/digits/"},
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "uri", "data", "rollout", "target"]), inner)
    ),
)


def test_a_model_becomes_a_value() -> None:
    """Absent fields take the planner's defaults."""
    parsed = parse.model_deployment({"spec": {"model": {"uri": "s3://models/digits/"}}})

    assert parsed == Parsed(ModelDeploymentSpec(Model("s3://models/digits/")))


@pytest.mark.parametrize(
    "uri",
    ["s3://models//digits", "file:///a/%2e%2e/b", "https://models.example:443/m", "s3://UP/m"],
)
def test_a_location_that_no_fetch_would_open_is_a_finding(uri: str) -> None:
    """The guard that opens locations later judges them now, with the field's path."""
    parsed = parse.model_deployment({"spec": {"model": {"uri": uri}}})

    assert parsed.value is None
    assert [(each.field, each.reason) for each in parsed.findings] == [
        ("spec.model.uri", "InvalidSpec")
    ]
    assert parsed.findings[0].message.startswith("write ")
    assert parsed.findings[0].message.endswith(" in spec.model.uri")


def test_all_findings_come_at_once() -> None:
    """Nobody learns of the second mistake after mending the first."""
    broken = {**RUN, "output": {"uri": "s3://models//x"}}
    broken["data"] = {**RUN["data"], "source": {"uri": "s3://data//y"}}

    parsed = parse.retrain_job({"spec": broken})

    assert [each.field for each in parsed.findings] == ["spec.data.source.uri", "spec.output.uri"]


def test_a_run_becomes_a_value() -> None:
    """A sound run has no findings."""
    parsed = parse.retrain_job({"spec": RUN})

    assert parsed.findings == ()
    assert parsed.value is not None
    assert parsed.value.data.columns.label == "digit"


def test_a_decision_becomes_a_value() -> None:
    """Schema and policy said all there is to say."""
    spec = {"action": "Abort", "target": {"kind": "RetrainJob", "name": "r"}, "by": "ana"}

    assert parse.decision({"spec": spec}) == Parsed(
        DecisionSpec("Abort", Target("RetrainJob", "r"), "ana")
    )


@pytest.mark.parametrize(
    "read",
    [parse.model_deployment, parse.retrain_job, parse.decision],
    ids=lambda each: each.__name__,
)
@pytest.mark.parametrize("document", [{}, {"spec": None}, {"spec": {"model": "x"}}, {"spec": []}])
def test_a_misshapen_object_is_one_finding(read: Any, document: dict[str, Any]) -> None:  # noqa: ANN401  # one of three functions
    """An object that was stored under another schema does not stop the operator."""
    message = "apply the object again as documented: what is stored does not fit its schema"

    assert read(document) == Parsed(None, (Finding("spec", "InvalidSpec", message),))


@given(ANYTHING)
def test_parsing_is_total(spec: object) -> None:
    """Whatever is stored, there is a value or a finding."""
    for read in (parse.model_deployment, parse.retrain_job, parse.decision):
        parsed: Parsed[Any] = read({"spec": spec})

        assert (parsed.value is None) == bool(parsed.findings)


def test_a_status_that_is_absent_or_misshapen_is_empty() -> None:
    """It is rebuilt from what is."""
    assert parse.status(DecisionStatus, {}) == DecisionStatus()
    assert parse.status(RetrainJobStatus, {"status": {"tries": 3}}) == RetrainJobStatus()


def test_a_status_is_read() -> None:
    """What was written comes back."""
    read = parse.status(RetrainJobStatus, {"status": {"state": "Training", "tries": {"check": 2}}})

    assert (read.state, read.tries.check) == ("Training", 2)
