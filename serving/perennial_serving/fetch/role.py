"""The init container: brings the model into its volume, or says why not."""

import shutil
import time
from pathlib import Path

from perennial_serving.contract.results import Outcome, Reason, Result
from perennial_serving.fetch import disk
from perennial_serving.fetch.access import Access, read_credentials
from perennial_serving.fetch.download import Limits, download
from perennial_serving.settings import Settings


def run(settings: Settings) -> Result:
    """Fetch the model; without a digest in the settings, the result tells it."""
    started = time.monotonic()
    _empty(settings.model_dir)
    fetched = download(
        settings.model_uri,
        settings.model_dir,
        access_of(settings),
        limits=Limits(size_bytes=settings.max_model_bytes),
        digest=settings.model_digest,
    )
    return Result(
        Outcome.OK,
        Reason.OK,
        digest=fetched.digest,
        size_bytes=fetched.size_bytes,
        seconds=time.monotonic() - started,
    )


def access_of(settings: Settings) -> Access:
    """Return the guard of this container, with the credentials that are mounted for the model."""
    return Access(
        allowed_hosts=settings.allowed_hosts,
        allow_private_networks=settings.allow_private_networks,
        credentials=read_credentials(settings.credentials_dir / "model"),
    )


def _empty(directory: Path) -> None:
    """Remove what an earlier try of this container left."""
    with disk.translated():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for child in directory.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
