"""One attempt of the trainer, and what an engine may say of its object."""

from dataclasses import dataclass
from enum import Enum, auto

from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import PinnedData
from perennial_operator.plan.manifests.step_inputs import Inputs
from perennial_operator.plan.snapshot import Meta, Options


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that the object of an attempt is built from."""

    run: Meta
    n: int
    inputs: Inputs
    data: PinnedData
    features: tuple[str, ...]
    seed: int
    nominal_time: str
    options: Options

    @property
    def spec(self) -> RetrainJobSpec:
        """The run's spec."""
        return self.inputs.spec

    @property
    def name(self) -> str:
        """Name of the engine's object."""
        return f"{self.run.name}-a{self.n}"

    @property
    def config_name(self) -> str:
        """Name of the ConfigMap with run.json and parameters.json."""
        return f"{self.run.name}-in-{self.n}"


class Phase(Enum):
    """Where the engine's object stands; Unknown never ends an attempt."""

    UNKNOWN = auto()
    WAITING = auto()
    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()


class Reaction(Enum):
    """What a run does about an attempt that failed."""

    AT_ONCE = auto()
    LATER = auto()
    NEVER = auto()
    FREE = auto()


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine's object in our words.

    `reason` and `message` say why it waits or failed; `started` and `ended` are the engine's
    stamps.
    """

    phase: Phase
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    reaction: Reaction = Reaction.AT_ONCE
    started: str = ""
    ended: str = ""
