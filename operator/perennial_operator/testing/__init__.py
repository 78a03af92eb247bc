"""What tests of planners stand on: a simulated world that folds plans, and builders."""

from perennial_operator.testing.builders import (
    NAMESPACE,
    NOON,
    OPTIONS,
    decision,
    model_deployment,
    retrain_job,
)
from perennial_operator.testing.calls import ListedStream, ScriptedCluster, SilentStream
from perennial_operator.testing.rollouts import Rollout
from perennial_operator.testing.simulation import JobResult, PodBehavior, Simulation
from perennial_operator.testing.world import FakeCluster

__all__ = [
    "NAMESPACE",
    "NOON",
    "OPTIONS",
    "FakeCluster",
    "JobResult",
    "ListedStream",
    "PodBehavior",
    "Rollout",
    "ScriptedCluster",
    "SilentStream",
    "Simulation",
    "decision",
    "model_deployment",
    "retrain_job",
]
