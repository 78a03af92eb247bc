"""Tests of what the workers share."""

import dataclasses
import ipaddress

from perennial_sandbox.node.worker import tools


def test_the_host_is_reached_by_loopback_only() -> None:
    """The node never listens on, nor tells, another address."""
    assert ipaddress.ip_address(tools.HOST_ADDRESS).is_loopback


def test_tools_cannot_be_exchanged_under_a_workers_hands() -> None:
    """All Pods use the same ones for the whole life of the node."""
    assert tools.Tools.__dataclass_params__.frozen  # type: ignore[attr-defined]  # made by dataclass
    assert "client" in {field.name for field in dataclasses.fields(tools.Tools)}
