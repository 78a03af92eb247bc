"""Tests of the counting of probe results."""

import pytest

from perennial_sandbox.node.pods import probing
from perennial_sandbox.node.pods.probing import Probe, Tally


def test_a_container_without_a_probe_has_none() -> None:
    """No spec, no probe."""
    assert [probing.probe_of(None), probing.probe_of({})] == [None, None]


def test_a_probe_has_the_defaults_of_kubernetes() -> None:
    """A bare handler is checked every ten seconds and fails after three failures."""
    probe = probing.probe_of({"tcpSocket": {"port": 1}})
    assert probe == Probe({"tcpSocket": {"port": 1}}, 0, 10, 1, 1, 3)


def test_a_probe_keeps_what_its_spec_says() -> None:
    """Every field of the spec arrives."""
    spec = {
        "exec": {"command": ["true"]},
        "initialDelaySeconds": 1,
        "periodSeconds": 2,
        "timeoutSeconds": 3,
        "successThreshold": 4,
        "failureThreshold": 5,
    }
    assert probing.probe_of(spec) == Probe({"exec": {"command": ["true"]}}, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ("", None),
        ("+", None),
        ("++", True),
        ("++-", None),
        ("++--", None),
        ("++---", False),
        ("--+--", None),
        ("---+", None),
        ("---++", True),
    ],
)
def test_only_results_in_a_row_reach_a_threshold(results: str, verdict: bool | None) -> None:  # noqa: FBT001  # a case's data
    """Two successes or three failures in a row are a verdict; a change starts the count anew."""
    tally = Tally()
    for result in results:
        tally = probing.count(tally, passed=result == "+")
    assert probing.verdict(Probe({}, success_threshold=2), tally) is verdict
