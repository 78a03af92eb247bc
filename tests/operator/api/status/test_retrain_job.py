"""The status of runs as a document."""

from perennial_operator.api import documents
from perennial_operator.api.schema import structural
from perennial_operator.api.status.retrain_job import (
    Attempt,
    Candidate,
    RetrainJobStatus,
    StepIntent,
)


def test_a_status_survives_the_way_to_a_document() -> None:
    """Intent, attempts and candidate are read as they were written."""
    status = RetrainJobStatus(
        observed_generation=1,
        state="Training",
        run_id="u",
        state_times={"Pending": "2026-03-01T12:00:00Z"},
        intent=StepIntent("train", 2, "run-a2", "2026-03-01T12:05:00Z"),
        attempts=(Attempt(1, reason="OOMKilled", exit_code=137), Attempt(2, exit_code=0)),
        candidate=Candidate(2, "sha256:a", "s3://m/a/", size_bytes=0),
    )

    assert documents.load(RetrainJobStatus, documents.dump(status)) == status


def test_an_exit_code_of_zero_is_kept() -> None:
    """Success is not the same as unknown."""
    document = documents.dump(Attempt(1, exit_code=0))

    assert document == {"n": 1, "exitCode": 0}
    assert documents.dump(Attempt(1)) == {"n": 1}


def test_state_is_a_plain_text() -> None:
    """People and tools read conditions; a phase is no enumeration."""
    state = structural.schema_of(RetrainJobStatus)["properties"]["state"]

    assert state["type"] == "string"
    assert "enum" not in state
