"""Probes as values, and the counting of their results against thresholds."""

from dataclasses import dataclass, replace

from perennial_sandbox.node.pods.objects import Json


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of a container; `check` is the handler: exec, httpGet or tcpSocket."""

    check: Json
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """How often in a row a probe gave its last result."""

    passed: bool = False
    times: int = 0


def probe_of(spec: Json | None) -> Probe | None:
    """Read a probe from a container's spec, None if it has none."""
    if not spec:
        return None
    return Probe(
        check={kind: spec[kind] for kind in ("exec", "httpGet", "tcpSocket") if kind in spec},
        initial_delay_seconds=spec.get("initialDelaySeconds", 0),
        period_seconds=spec.get("periodSeconds", 10),
        timeout_seconds=spec.get("timeoutSeconds", 1),
        success_threshold=spec.get("successThreshold", 1),
        failure_threshold=spec.get("failureThreshold", 3),
    )


def count(tally: Tally, *, passed: bool) -> Tally:
    """Add one result to the tally."""
    if tally.passed is passed:
        return replace(tally, times=tally.times + 1)
    return Tally(passed=passed, times=1)


def verdict(probe: Probe, tally: Tally) -> bool | None:
    """Return what the probe says now: passed, failed, or None while a threshold is not reached."""
    needed = probe.success_threshold if tally.passed else probe.failure_threshold
    return tally.passed if tally.times >= needed else None
