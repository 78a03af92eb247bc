"""A loaded model as the routes see it, and the state of the process around it."""

from dataclasses import dataclass

from perennial_serving.batch.admission import Admission
from perennial_serving.batch.driver import Driver
from perennial_serving.codec.decode import Decoder
from perennial_serving.codec.encode import Encoder
from perennial_serving.codec.tensors import Signature
from perennial_serving.contract.results import Reason
from perennial_serving.monitor.export import Snapshot
from perennial_serving.monitor.recorder import Recorder
from perennial_serving.web import life
from perennial_serving.web.life import Event, State


@dataclass(frozen=True, slots=True)
class Serving:
    """Everything a request needs, made once when the model is loaded."""

    signature: Signature
    decoder: Decoder
    encoder: Encoder
    driver: Driver
    digest: str
    format: str
    platform: str
    load_seconds: float


class Service:
    """Names, state, counts, and the model once it is there."""

    def __init__(self, model: str, revision: str, *, max_in_flight: int) -> None:
        """Start without a model."""
        self.model = model
        self.revision = revision
        self.state = State.STARTING
        self.serving: Serving | None = None
        self.admission = Admission(max_in_flight=max_in_flight)
        self.recorder = Recorder()

    def happened(self, event: Event) -> None:
        """Move on; admission follows the state."""
        self.state = life.after(self.state, event)
        self.admission.closed = life.CLOSED[self.state]

    @property
    def unready(self) -> Reason | None:
        """Return why the process is not ready; None if it is."""
        return life.UNREADY[self.state]

    @property
    def is_leaving(self) -> bool:
        """Say whether clients should open their next connection elsewhere."""
        return self.state in {State.DRAINING, State.STOPPING}

    def is_stuck(self, now: float, *, limit_seconds: float) -> bool:
        """Say whether a run of the model goes on for longer than any request may take."""
        if self.serving is None:
            return False
        return self.serving.driver.oldest_run_seconds(now) > limit_seconds

    def snapshot(self) -> Snapshot:
        """Return what a scrape shows."""
        if self.serving is None:
            return Snapshot(in_flight=self.admission.in_flight)
        return Snapshot(
            in_flight=self.admission.in_flight,
            queued=self.serving.driver.queued,
            is_ready=self.unready is None,
            load_seconds=self.serving.load_seconds,
            digest=self.serving.digest,
            format=self.serving.format,
            runtime=self.serving.platform,
            counts=self.serving.driver.counts,
        )
