"""A snapshot says what is missing; nothing in it can be changed."""

import dataclasses

import pytest

from perennial_operator.plan.snapshot import Missing, ModelSnapshot
from perennial_operator.testing import FakeCluster, model_deployment


def test_traffic_is_missing_until_it_was_read() -> None:
    """What nobody read is not zero."""
    seen = FakeCluster(model_deployment()).snapshot()
    bare = ModelSnapshot(seen.key, seen.meta, seen.spec, seen.status, True, seen.options)  # noqa: FBT003  # a field by position
    assert bare.traffic == Missing("NotRead")


def test_a_snapshot_is_frozen() -> None:
    """Planners cannot change what they look at."""
    seen = FakeCluster(model_deployment()).snapshot()
    with pytest.raises(dataclasses.FrozenInstanceError):
        seen.meta.name = "other"
