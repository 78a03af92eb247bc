"""Tests of the settings file."""

import json
from pathlib import Path

import pytest

from perennial_sandbox.node import settings
from perennial_sandbox.node.pods.lifecycle import BackOff
from perennial_sandbox.node.settings import NodeSettings, SettingsError

LEAST = {
    "kubeconfig": "/k",
    "nodeName": "n",
    "directory": "/d",
    "addressPrefix": "127.17",
    "servicesFile": "/s",
}


def written(folder: Path, content: object) -> Path:
    """Write a settings file."""
    file = folder / "node.json"
    file.write_text(json.dumps(content))
    return file


def test_the_least_settings_have_defaults(tmp_path: Path) -> None:
    """Without a client authority no logs are served; the back-off is short."""
    found = settings.read(written(tmp_path, LEAST))
    assert found == NodeSettings(
        kubeconfig=Path("/k"),
        node_name="n",
        directory=Path("/d"),
        address_prefix="127.17",
        services_file=Path("/s"),
        images={},
        kubelet_port=0,
        kubelet_client_ca=None,
        back_off=BackOff(1, 30),
    )


def test_every_setting_arrives(tmp_path: Path) -> None:
    """The optional ones as well."""
    full = {
        **LEAST,
        "images": {"a": ["run", "-x"]},
        "kubeletPort": 12,
        "kubeletClientCa": "/ca",
        "backoffSeconds": 0.5,
    }
    found = settings.read(written(tmp_path, full))
    assert (found.images, found.kubelet_port, found.kubelet_client_ca, found.back_off) == (
        {"a": ("run", "-x")},
        12,
        Path("/ca"),
        BackOff(0.5, 30),
    )


@pytest.mark.parametrize("prefix", ["127", "127.256", "10.0", "127.1.2", "127.x", ""])
def test_addresses_must_be_loopback(tmp_path: Path, prefix: str) -> None:
    """Any other network would need root."""
    file = written(tmp_path, {**LEAST, "addressPrefix": prefix})
    with pytest.raises(SettingsError, match=r"two numbers such as 127\.17"):
        settings.read(file)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Each says what to write."""
    file = written(tmp_path, {"addressPrefix": "127.1", "images": ["a"], "nodeName": 1})
    with pytest.raises(SettingsError) as caught:
        settings.read(file)
    assert str(caught.value) == (
        "set kubeconfig to a text; set nodeName to a text; set directory to a text; "
        "set servicesFile to a text; set images to an object of image name to list of words"
    )


def test_settings_must_be_an_object(tmp_path: Path) -> None:
    """A list is no settings file."""
    with pytest.raises(SettingsError, match="one JSON object"):
        settings.read(written(tmp_path, []))


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    """Missing or no JSON."""
    broken = tmp_path / "broken"
    broken.write_text("{")
    for file in (tmp_path / "none", broken):
        with pytest.raises(SettingsError, match="cannot read"):
            settings.read(file)
