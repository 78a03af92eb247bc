"""The adapter of the Cluster port over the official client: plain documents, no retries.

Only this package imports `kubernetes`. Each request has its own timeout; writes pass the fence
and a token bucket; every answer becomes a document or an error of our tree.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from perennial_operator.cluster import answers, kinds, metrics
from perennial_operator.cluster.credentials import Credentials, Token
from perennial_operator.cluster.lease import Fence, SingleReplica
from perennial_operator.cluster.port import Document, Kind, Page, Selection, Stream
from perennial_operator.cluster.stream import HttpStream
from perennial_operator.cluster.token_bucket import TokenBucket
from perennial_operator.errors import Unavailable

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
STRICT = {"fieldValidation": "Strict"}
UNAUTHORIZED = 401
NOT_FOUND = 404
FIRST_ERROR = 400

KEEP_ALIVE = (
    *urllib3.connection.HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


Send = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts in seconds, and how fast we write."""

    connect_seconds: float = 3.0
    call_seconds: float = 5.0
    list_seconds: float = 30.0
    watch_seconds: float = 55.0
    writes_per_second: float = 100.0
    write_burst: float = 200.0
    connections: int = 40


@dataclass(frozen=True, slots=True)
class _Request:
    verb: str
    method: str
    kind: Kind
    path: str
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    content_type: str = JSON
    accept: str = JSON
    read_seconds: float = 5.0
    is_status_write: bool = False

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


class KubernetesCluster:
    """Talks to one API server; safe to use from many threads."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        limits: Limits | None = None,
        fence: Fence | None = None,
        send: Send | None = None,
    ) -> None:
        """Open no connection yet; `send` replaces the HTTP client."""
        self._limits = limits or Limits()
        self._fence = fence or SingleReplica()
        self._token = Token(credentials)
        self._server = credentials.server
        self._client = client.ApiClient(_configuration(credentials, self._limits))
        self._send: Send = send or self._client.rest_client.request
        self._bucket = TokenBucket(
            rate=self._limits.writes_per_second,
            burst=self._limits.write_burst,
            now=time.monotonic(),
        )
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()  # type: ignore[no-untyped-call]  # the official client is untyped

    def get(self, kind: Kind, *, namespace: str, name: str) -> Document | None:
        """Return the live object, or None if it is absent."""
        path = kinds.path(kind, namespace=namespace, name=name)
        request = self._request("get", "GET", kind, path)
        response = self._answered(request)
        if response.status == NOT_FOUND:
            _drain(response)
            return None
        return self._document(request, response)

    def list(
        self,
        kind: Kind,
        selection: Selection,
        *,
        continue_token: str = "",
        limit: int = 500,
        metadata_only: bool = False,
    ) -> Page:
        """Return one page; items of built-in kinds get the kind that the server leaves out."""
        query = _query(selection) | {"limit": str(limit)}
        if continue_token:
            query["continue"] = continue_token
        path = kinds.path(kind, namespace=selection.namespace)
        request = replace(
            self._request("list", "GET", kind, path),
            query=query,
            accept=METADATA_ONLY if metadata_only else JSON,
            read_seconds=self._limits.list_seconds,
        )
        found = self._call(request)
        named = {"apiVersion": kind.api_version, "kind": kind.kind}
        return Page(
            items=[item | named for item in found["items"] or []],
            resource_version=found["metadata"]["resourceVersion"],
            continue_token=found["metadata"].get("continue") or "",
        )

    def watch(self, kind: Kind, selection: Selection, *, since: str) -> Stream:
        """Open a watch that the server ends by itself a little before we would give it up."""
        query = _query(selection) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(int(self._limits.watch_seconds - 5)),
        }
        request = replace(
            self._request("watch", "GET", kind, kinds.path(kind, namespace=selection.namespace)),
            query=query,
            read_seconds=self._limits.watch_seconds,
        )
        response = self._answered(request)
        if response.status >= FIRST_ERROR:
            self._document(request, response)
        return HttpStream(response)

    def apply(
        self, document: Mapping[str, Any], *, manager: str, subresource: str = ""
    ) -> Document:
        """Server-side apply with force. uid and resourceVersion in it are preconditions."""
        kind, path = _address(document, subresource)
        request = replace(
            self._request("apply", "PATCH", kind, path),
            query=STRICT | {"fieldManager": manager, "force": "true"},
            body=document,
            content_type=APPLY,
            is_status_write=subresource == "status",
        )
        return self._call(request)

    def create(self, document: Mapping[str, Any]) -> Document:
        """Create; `Exists` if the name is taken."""
        kind = kinds.of(document)
        path = kinds.path(kind, namespace=document["metadata"].get("namespace", ""))
        request = replace(self._request("create", "POST", kind, path), query=STRICT, body=document)
        return self._call(request)

    def delete(
        self, kind: Kind, *, namespace: str, name: str, preconditions: Mapping[str, str]
    ) -> None:
        """Delete in the background; an object that is gone already is as good."""
        body = {"propagationPolicy": "Background", "preconditions": dict(preconditions)}
        path = kinds.path(kind, namespace=namespace, name=name)
        request = replace(self._request("delete", "DELETE", kind, path), body=body)
        response = self._answered(request)
        if response.status == NOT_FOUND:
            _drain(response)
            return
        self._document(request, response)

    def merge_patch(
        self, kind: Kind, *, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Document:
        """Merge-patch; only Events use it."""
        request = replace(
            self._request("patch", "PATCH", kind, kinds.path(kind, namespace=namespace, name=name)),
            query=STRICT,
            body=patch,
            content_type=MERGE,
        )
        return self._call(request)

    def _request(self, verb: str, method: str, kind: Kind, path: str) -> _Request:  # noqa: PLR0917  # one row of a table, private
        return _Request(verb, method, kind, path, read_seconds=self._limits.call_seconds)

    def _call(self, request: _Request) -> Document:
        return self._document(request, self._answered(request))

    def _answered(self, request: _Request) -> urllib3.BaseHTTPResponse:
        """Send once; a refused token is read again and the request repeated, once."""
        response = self._sent(request)
        if response.status == UNAUTHORIZED and self._token.forget():
            _drain(response)
            response = self._sent(request)
        return response

    def _sent(self, request: _Request) -> urllib3.BaseHTTPResponse:
        if request.is_write:
            self._await_turn()
        started = time.monotonic()
        code = 0
        try:
            response: urllib3.BaseHTTPResponse = self._send(
                request.method,
                self._server + request.path + _encoded(request.query),
                headers=self._headers(request),
                body=request.body,
                _request_timeout=(self._limits.connect_seconds, request.read_seconds),
            ).response
            code = response.status
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            message = f"the API server does not answer: {type(error).__name__}"
            raise Unavailable(message) from error
        finally:
            _count(request, code, time.monotonic() - started)
        return response

    def _await_turn(self) -> None:
        with self._lock:
            wait = self._bucket.take(now=time.monotonic())
        if wait > 0:
            metrics.API_THROTTLED_SECONDS.inc(wait)
            time.sleep(wait)
        if not self._fence.is_open():
            message = "another replica may write by now"
            raise Unavailable(message)

    def _headers(self, request: _Request) -> dict[str, str]:
        headers = {
            "Accept": request.accept,
            "Content-Type": request.content_type,
            "User-Agent": "perennial-operator",
        }
        if token := self._token.value():
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _document(self, request: _Request, response: urllib3.BaseHTTPResponse) -> Document:
        body = _drain(response)
        if response.status < FIRST_ERROR:
            return json.loads(body)  # type: ignore[no-any-return]  # documents are dicts
        answer = answers.Answer.parse(
            response.status, body, retry_after=response.headers.get("Retry-After")
        )
        if answer.retry_after_seconds:
            with self._lock:
                self._bucket.pause(answer.retry_after_seconds, now=time.monotonic())
        raise answers.error(replace(answer, is_status_write=request.is_status_write))


def _configuration(credentials: Credentials, limits: Limits) -> client.Configuration:
    configuration = client.Configuration(
        host=credentials.server,
        ssl_ca_cert=credentials.ca_file or None,
        cert_file=credentials.certificate_file or None,
        key_file=credentials.key_file or None,
        connection_pool_maxsize=limits.connections,
        socket_options=list(KEEP_ALIVE),
    )
    configuration.retries = False  # we alone retry
    configuration.proxy = None  # never from the environment of the Pod
    return configuration


def _address(document: Mapping[str, Any], subresource: str) -> tuple[Kind, str]:
    kind, metadata = kinds.of(document), document["metadata"]
    path = kinds.path(
        kind,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        subresource=subresource,
    )
    return kind, path


def _query(selection: Selection) -> dict[str, str]:
    query = {"labelSelector": selection.labels, "fieldSelector": selection.fields}
    return {key: value for key, value in query.items() if value}


def _encoded(query: Mapping[str, str] | None) -> str:
    return f"?{urlencode(query)}" if query else ""


def _drain(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the whole body and give the connection back."""
    try:
        return response.data
    except (urllib3.exceptions.HTTPError, OSError) as error:
        message = f"the answer of the API server broke off: {type(error).__name__}"
        raise Unavailable(message) from error


def _count(request: _Request, code: int, seconds: float) -> None:
    resource = request.kind.plural
    metrics.API_REQUESTS.labels(request.verb, resource, str(code)).inc()
    if request.verb != "watch":
        metrics.API_REQUEST_SECONDS.labels(request.verb, resource).observe(seconds)
