"""The model as this layer sees it: a signature and a function; loading is another layer's."""

from collections.abc import Sequence
from typing import Protocol

from perennial_serving.codec.tensors import Array, Signature, Tensors


class Runnable(Protocol):
    """Something to run; every `runtime` model is one. Axis 0 of every array holds the rows."""

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""

    @property
    def is_threaded(self) -> bool:
        """Say whether `run` must never happen on the event loop."""

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Return the named outputs, in that order; may be called from any thread."""
