"""Every runtime's model fits the port of this layer."""

import inspect

from perennial_serving.batch.port import Runnable
from perennial_serving.runtime.model import Model


def public(kind: type) -> set[str]:
    """Return the public members of a protocol."""
    return {name for name in vars(kind) if not name.startswith("_")}


def test_a_model_has_all_that_is_asked_of_it() -> None:
    """The port asks for a part of the model, in the same words."""
    assert public(Runnable) <= public(Model)
    assert inspect.signature(Runnable.run) == inspect.signature(Model.run)
