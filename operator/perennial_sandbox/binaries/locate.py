"""Finds the Kubernetes programs, from the nearest source to the farthest."""

from collections.abc import Callable, Mapping
from pathlib import Path

from perennial_sandbox.binaries import cache, go_build, releases, versions
from perennial_sandbox.binaries.go_build import BuildError
from perennial_sandbox.binaries.releases import DownloadError, Publishers
from perennial_sandbox.errors import MissingPrerequisiteError

ASSETS = "KUBEBUILDER_ASSETS"
Report = Callable[[str], None]


def find(
    environment: Mapping[str, str], *, report: Report, publishers: Publishers | None = None
) -> Path:
    """Return a folder with all programs: the user's own, the cache, downloaded, or built."""
    place = _own(environment, report)
    if place is not None:
        return place
    cached = cache.folder(environment)
    if not cache.is_complete(cached):
        sources = publishers or Publishers()
        cache.fill(
            cached,
            lambda fresh: _get(fresh, environment, sources, report=report),
            report=report,
        )
    report(f"Kubernetes programs: {cached}")
    return cached


def _own(environment: Mapping[str, str], report: Report) -> Path | None:
    named = environment.get(ASSETS)
    if not named:
        return None
    place = Path(named).absolute()
    missing = [name for name in versions.REQUIRED if not (place / name).exists()]
    if missing:
        report(f"{ASSETS} ({place}) holds no {', '.join(missing)}: looking elsewhere")
        return None
    report(f"Kubernetes programs: {place} ({ASSETS})")
    return place


def _get(
    fresh: Path, environment: Mapping[str, str], publishers: Publishers, *, report: Report
) -> None:
    try:
        with releases.client() as http:
            releases.download(fresh, http=http, publishers=publishers, report=report)
    except DownloadError as error:
        report(f"no release was downloaded: {error}")
    else:
        return
    for leftover in fresh.iterdir():
        leftover.unlink()
    try:
        go_build.build(fresh, environment=environment, report=report)
    except BuildError as error:
        raise MissingPrerequisiteError(_advice(str(error))) from error


def _advice(problem: str) -> str:
    return (
        f"Install Go {versions.GO} or newer, or set {ASSETS} to a folder with "
        f"{', '.join(versions.REQUIRED)} {versions.KUBERNETES}: the official releases cannot be "
        f"downloaded here, and {problem}."
    )
