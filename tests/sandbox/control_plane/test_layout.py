"""Tests of where files lie."""

from pathlib import Path

from perennial_sandbox.control_plane.layout import Layout


def test_every_file_lies_in_the_sandboxs_own_folder() -> None:
    """So one removal leaves nothing, and no two files share a name."""
    layout = Layout(Path("/state"))
    named = [
        layout.record,
        layout.stop_mark,
        layout.kubeconfig,
        layout.tokens,
        layout.node_settings,
        layout.services,
        layout.node,
        layout.etcd,
        layout.log("node"),
        layout.lock("node"),
        layout.certificate("node"),
        layout.key("node"),
        layout.access("node"),
    ]
    assert all(path.is_relative_to("/state") for path in named)
    assert len(set(named)) == len(named)
