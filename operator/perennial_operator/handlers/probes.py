"""Liveness: fails when a part is gone or a watch of kopf is dead, not when the API is away."""

from typing import Any

import kopf

from perennial_operator.loop.machine import Machine


class NotAliveError(Exception):
    """The process should be restarted."""


def register(registry: kopf.OperatorRegistry, machine: Machine) -> None:
    """Register the one probe; permanent, so that a failure answers at once."""

    def alive(**_: Any) -> str:  # noqa: ANN401  # kopf's signature
        if trouble := machine.trouble:
            raise NotAliveError(trouble)
        return "ok"

    kopf.on.probe(id="machine", registry=registry, errors=kopf.ErrorsMode.PERMANENT)(alive)
