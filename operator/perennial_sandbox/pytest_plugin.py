"""Fixtures for tests that need a real API server; one sandbox serves the whole session.

`control_plane` has no node: Pods stay pending. `sandbox` runs Pods as processes. A project says
what they start with by overriding `sandbox_images` and `sandbox_manifests`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from perennial_sandbox.sandbox import Running


@pytest.fixture(scope="session")
def sandbox_images() -> Mapping[str, Sequence[str]]:
    """Images that stand for commands of this host; none unless a project overrides it."""
    return {}


@pytest.fixture(scope="session")
def sandbox_manifests() -> Sequence[Mapping[str, object]]:
    """Objects that exist before the first test; none unless a project overrides it."""
    return ()


@pytest.fixture(scope="session")
def control_plane(
    tmp_path_factory: pytest.TempPathFactory,
    sandbox_manifests: Sequence[Mapping[str, object]],
) -> Iterator["Running"]:
    """Yield a control plane without a node."""
    directory = tmp_path_factory.mktemp("control-plane") / "state"
    yield from _running(directory, {}, sandbox_manifests, with_node=False)


@pytest.fixture(scope="session")
def sandbox(
    tmp_path_factory: pytest.TempPathFactory,
    sandbox_images: Mapping[str, Sequence[str]],
    sandbox_manifests: Sequence[Mapping[str, object]],
) -> Iterator["Running"]:
    """Yield a control plane with a node that runs Pods as processes."""
    directory = tmp_path_factory.mktemp("sandbox") / "state"
    yield from _running(directory, sandbox_images, sandbox_manifests, with_node=True)


def _running(
    directory: Path,
    images: Mapping[str, Sequence[str]],
    manifests: Sequence[Mapping[str, object]],
    *,
    with_node: bool,
) -> Iterator["Running"]:
    # Imported late: the plugin is loaded by every test run, also by those that need no sandbox.
    from perennial_sandbox import sandbox as sandboxes  # noqa: PLC0415  # as said above

    try:
        yield sandboxes.up(directory, images=images, manifests=manifests, with_node=with_node)
    finally:
        sandboxes.down(directory)
