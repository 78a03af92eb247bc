"""Finds the Kubernetes programs on this machine."""

from collections.abc import Callable, Mapping
from pathlib import Path

from perennial_sandbox.binaries import cache
from perennial_sandbox.errors import MissingPrerequisiteError

_ASSETS = "KUBEBUILDER_ASSETS"


def find(environment: Mapping[str, str], *, report: Callable[[str], None]) -> Path:
    """Return a folder with all programs that the sandbox needs."""
    place = installed(environment)
    if place is None:
        message = f"set {_ASSETS} to a folder with etcd and the Kubernetes servers"
        raise MissingPrerequisiteError(message)
    report(f"Kubernetes programs: {place}")
    return place


def installed(environment: Mapping[str, str]) -> Path | None:
    """Return a folder that already holds all programs, None if there is none."""
    assets = environment.get(_ASSETS)
    places = [Path(assets)] if assets else []
    places.append(cache.folder(environment))
    return next((place.absolute() for place in places if cache.is_complete(place)), None)
