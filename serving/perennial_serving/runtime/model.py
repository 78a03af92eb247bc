"""What every model looks like to server and jobs."""

from collections.abc import Sequence
from typing import Protocol

from perennial_serving.codec.tensors import Array, Signature, Tensors


class Model(Protocol):
    """A loaded model. Axis 0 of every array holds the rows; `run` may be called from any thread."""

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""

    @property
    def platform(self) -> str:
        """Its framework and runtime, in the words of the protocol's metadata."""

    @property
    def is_threaded(self) -> bool:
        """Say whether `run` must never happen on the event loop."""

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Return the named outputs, in that order, in the signature's datatypes."""
