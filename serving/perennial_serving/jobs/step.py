"""What every step shares: its input document, its stores, and the run's places in the output.

A step is a function (document, workplace) -> payload. It knows no process: `jobs.run` reads the
environment, writes the termination message and maps errors to exit codes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from perennial_serving.contract.results import (
    MESSAGE_LIMIT_BYTES,
    CheckPayload,
    ComparePayload,
    Outcome,
    Reason,
    Result,
    as_payload,
)
from perennial_serving.errors import Invalid
from perennial_serving.fetch import place
from perennial_serving.fetch.access import Access, read_credentials
from perennial_serving.fetch.place import Store
from perennial_serving.fetch.retry import persistently
from perennial_serving.fetch.store import open_store

IN = Path("/perennial/in")
OUT = Path("/perennial/out")
MAX_FILE_BYTES = 10 * 2**30

Wait = Callable[[float], bool]
_Document = TypeVar("_Document", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a step works: its folders, what it may open, and how it waits for its end.

    `is_over` waits up to so many seconds and says whether the Pod was told to stop.
    """

    inputs: Path = IN
    outputs: Path = OUT
    credentials: Path = Path("/perennial/credentials")
    allowed_hosts: tuple[str, ...] = ()
    allow_private_networks: bool = False
    max_model_bytes: int = MAX_FILE_BYTES
    allow_unsafe_formats: bool = False
    threads: int = 1
    is_over: Wait = field(default=lambda _seconds: True)

    def access(self, purpose: str) -> Access:
        """Return the guard with the credentials of `data`, `output` or `model`.

        Models without own credentials lie in the output.
        """
        folder = self.credentials / purpose
        if purpose == "model" and not folder.is_dir():
            folder = self.credentials / "output"
        return Access(
            allowed_hosts=self.allowed_hosts,
            allow_private_networks=self.allow_private_networks,
            credentials=read_credentials(folder),
        )

    def store(self, uri: str, purpose: str = "output") -> Store:
        """Open a place."""
        return persistently(partial(open_store, uri, self.access(purpose)))


def document(text: str, kind: type[_Document]) -> _Document:
    """Return the step's document; Invalid if it is not of the documented form."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"PERENNIAL_STEP is not the document of this step: {error}"
        raise Invalid(Reason.SETTINGS_INVALID, message) from error


class Roles(msgspec.Struct, frozen=True):
    """Which columns have a role; "" = none."""

    label: str
    time: str = ""
    group: str = ""
    id: str = ""
    weight: str = ""

    def features(self, columns: tuple[str, ...] | list[str]) -> tuple[str, ...]:
        """Return the columns without a role, in their order."""
        taken = {self.label, self.time, self.group, self.id, self.weight}
        return tuple(name for name in columns if name not in taken)

    def names(self) -> tuple[str, ...]:
        """Return the columns that must exist."""
        return (self.label, self.time, self.group, self.id, self.weight)


def read(store: Store, path: str, *, limit_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of a file, with retries."""
    return persistently(lambda: place.read(store, path, limit_bytes=limit_bytes))


def write(store: Store, path: str, data: bytes) -> None:
    """Write a file at once, with retries."""
    persistently(lambda: store.write(path, data))


def find(store: Store, path: str, *, limit_bytes: int = MAX_FILE_BYTES) -> bytes | None:
    """Return the bytes of a file, or None if there is none."""
    try:
        return read(store, path, limit_bytes=limit_bytes)
    except Invalid as error:
        if error.reason == Reason.NOT_FOUND:
            return None
        raise


def parsed(data: bytes | None) -> Mapping[str, Any]:
    """Return a JSON object of ours; an empty one for no file or another thing."""
    try:
        found = msgspec.json.decode(data) if data else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def run_place(output: str, run_id: str) -> str:
    """Return the prefix of a run's files."""
    return f"{output.rstrip('/')}/runs/{run_id}"


def model_place(output: str, digest: str) -> str:
    """Return the prefix of a published model."""
    return f"{output.rstrip('/')}/models/sha256/{digest.removeprefix('sha256:')}"


def fits(name: str, payload: CheckPayload | ComparePayload) -> bool:
    """Return whether the step's message holds this payload beside its other fields."""
    result = Result(Outcome.OK, Reason.OK, step=name, seconds=86400.0, payload=as_payload(payload))
    return len(result.encode().encode()) <= MESSAGE_LIMIT_BYTES
