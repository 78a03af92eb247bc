"""The role `fetch`: from settings to a result."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

from pathlib import Path

import pytest

from perennial_serving.contract.results import Outcome, Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch import role
from perennial_serving.fetch.publish import publish
from perennial_serving.settings import Settings
from perennial_serving.testing import write_iris_onnx


def names_in(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(child.name for child in folder.iterdir())


def test_an_earlier_try_leaves_no_trace(tmp_path: Path) -> None:
    """The container was restarted: its volume is emptied first, links are not followed."""
    digest = write_iris_onnx(tmp_path / "source")
    models = tmp_path / "models"
    (models / "old").mkdir(parents=True)
    (models / "old/x").write_bytes(b"")
    (models / "y.partial").write_bytes(b"")
    (models / "link").symlink_to(tmp_path / "source")
    settings = Settings(model_uri=(tmp_path / "source").as_uri(), model_dir=models)
    result = role.run(settings)
    assert (result.outcome, result.digest, result.size_bytes > 0) == (Outcome.OK, digest, True)
    assert names_in(models) == [
        "manifest.json",
        "model.onnx",
        "signature.json",
        "warmup.json",
    ]
    assert (tmp_path / "source/model.onnx").exists()


def test_credentials_come_from_the_models_folder(tmp_path: Path, site) -> None:
    """Of those mounted, only the ones for the model are read."""
    (tmp_path / "credentials/model").mkdir(parents=True)
    (tmp_path / "credentials/model/HTTPS_AUTHORIZATION").write_text("Bearer t\n")
    site.page("/model.onnx", b"hello")
    settings = Settings(
        model_uri=site.url("/model.onnx", "localhost"),
        model_dir=tmp_path / "models",
        credentials_dir=tmp_path / "credentials",
        allowed_hosts=(f"localhost:{site.port}",),
        allow_private_networks=False,
    )
    with pytest.raises(Invalid) as caught:
        role.run(settings)
    assert caught.value.reason == Reason.ADDRESS_REFUSED


@pytest.mark.e2e
def test_a_bucket_with_credentials_is_fetched(tmp_path: Path, object_store) -> None:
    """Endpoint and keys come from the mounted Secret."""
    folder = tmp_path / "credentials/model"
    folder.mkdir(parents=True)
    for key, value in object_store.credentials().items():
        (folder / key).write_text(value)
    digest = write_iris_onnx(tmp_path / "source")
    object_store.make_bucket("role")
    guard = role.access_of(_settings(tmp_path, object_store.endpoint, digest))
    publish(tmp_path / "source", "s3://role/iris", guard)
    assert role.run(_settings(tmp_path, object_store.endpoint, digest)).digest == digest


def _settings(tmp_path: Path, endpoint: str, digest: str) -> Settings:
    return Settings(
        model_uri="s3://role/iris",
        model_digest=digest,
        model_dir=tmp_path / "models",
        credentials_dir=tmp_path / "credentials",
        allowed_hosts=(endpoint,),
        allow_private_networks=True,
    )
