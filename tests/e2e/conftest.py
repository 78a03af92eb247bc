"""Clients of the real API server for end-to-end tests: one person each."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from perennial_operator.console import install
from perennial_sandbox import sandbox
from perennial_sandbox.sandbox import Running

Document = dict[str, Any]
NAMESPACE = "corpus"
_PATHS = {
    "ModelDeployment": "/apis/perennial.dev/v1alpha1/namespaces/{namespace}/modeldeployments",
    "RetrainJob": "/apis/perennial.dev/v1alpha1/namespaces/{namespace}/retrainjobs",
    "Decision": "/apis/perennial.dev/v1alpha1/namespaces/{namespace}/decisions",
}


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    message: str
    document: Document


@dataclass(frozen=True)
class Person:
    """One user's way to the API server; nothing stays unless `keep` is said."""

    http: httpx.Client

    def create(self, document: Document, *, keep: bool = False) -> Answer:
        """Create an object of ours; kept only if asked."""
        path = _PATHS[document["kind"]].format(namespace=NAMESPACE)
        return self._said(self.http.post(path, params=_query(keep), json=document))

    def replace(self, document: Document) -> Answer:
        """Try to replace an object of ours."""
        path = _PATHS[document["kind"]].format(namespace=NAMESPACE)
        name = document["metadata"]["name"]
        return self._said(self.http.put(f"{path}/{name}", params=_query(keep=False), json=document))

    def read(self, document: Document) -> Document:
        """Return an object of ours as it is stored."""
        path = _PATHS[document["kind"]].format(namespace=NAMESPACE)
        response = self.http.get(f"{path}/{document['metadata']['name']}")
        stored: Document = response.raise_for_status().json()
        return stored

    def send(self, path: str, document: Document) -> Answer:
        """Create any other object, and keep it."""
        return self._said(self.http.post(path, json=document))

    def delete(self, document: Document) -> None:
        """Delete an object of ours, if it is there."""
        path = _PATHS[document["kind"]].format(namespace=NAMESPACE)
        self.http.delete(f"{path}/{document['metadata']['name']}")

    @staticmethod
    def _said(response: httpx.Response) -> Answer:
        document = response.json()
        return Answer(response.status_code, document.get("message", ""), document)


Persons = Callable[..., Person]


def _forged() -> Document:
    """Return a Decision in another's name: once it is denied, the policies are in force."""
    target = {"kind": "RetrainJob", "name": "none"}
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": "forged"},
        "spec": {"action": "Abort", "target": target, "by": "nobody"},
    }


def _query(keep: bool) -> dict[str, str]:  # noqa: FBT001  # private, named at each call
    strict = {"fieldValidation": "Strict"}
    return strict if keep else {**strict, "dryRun": "All"}


@pytest.fixture(scope="session")
def installed(control_plane: Running) -> Running:
    """Return a control plane with our API and a namespace for the corpus."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    sandbox.apply(control_plane, [*install.manifests(), namespace])
    return control_plane


@pytest.fixture(scope="session")
def person(installed: Running) -> Iterator[Persons]:
    """Return a way to speak as somebody: by the sandbox's token, else by impersonation."""
    context = ssl.create_default_context(cafile=str(installed.ca_file))
    with ExitStack() as stack:

        def speak(name: str, *groups: str) -> Person:
            headers = _headers(installed, name, groups)
            client = httpx.Client(
                base_url=installed.server, headers=headers, verify=context, trust_env=False
            )
            return Person(stack.enter_context(client))

        eventually(lambda: speak("admin").create(_forged()).status == httpx.codes.FORBIDDEN)
        yield speak


def eventually(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until it holds: the API server learns of policies and roles a little later."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.1)


def _headers(running: Running, name: str, groups: tuple[str, ...]) -> list[tuple[str, str]]:
    if name in running.tokens:
        return [("Authorization", f"Bearer {running.tokens[name]}")]
    return [
        ("Authorization", f"Bearer {running.tokens['admin']}"),
        ("Impersonate-User", name),
        *(("Impersonate-Group", each) for each in groups),
    ]
