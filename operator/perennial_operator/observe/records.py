"""One object as the store keeps it: identity, what it belongs to, what matters, and its bytes.

Pure. Parsed documents are never kept: a Deployment is 24 KB as a dict and 1 KB compressed.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial_operator.api import names
from perennial_operator.observe import pods
from perennial_operator.plan.snapshot import MODEL, ROUTER, RUN, Key, PodFacts

COMPRESS_ABOVE_BYTES = 1_024
NOISE = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"})

KEY_KINDS: Mapping[str, str] = {names.MODEL_DEPLOYMENT: MODEL, names.RETRAIN_JOB: RUN}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A last seen object. `key` is the unit of work that it belongs to, None if to none.

    `facts` is a digest of everything that a plan reads of it; two records with equal facts call
    for the same plan. Pods keep `pod` and no body. `model` is the model that a run is about.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: int
    generation: int
    is_deleting: bool
    key: Key | None
    root_uid: str
    facts: bytes
    body: bytes = b""
    pod: PodFacts | None = None
    model: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """Parse the object, without managedFields."""
        is_compressed = not self.body.startswith(b"{")
        body = zlib.decompress(self.body) if is_compressed else self.body
        return json.loads(body)  # type: ignore[no-any-return]  # bodies are objects


def record(document: Document) -> Record:
    """Return the record of an object as the API server sent it."""
    metadata, kind = document["metadata"], document["kind"]
    labels = metadata.get("labels") or {}
    is_pod = kind == "Pod"
    return Record(
        kind=kind,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=int(metadata["resourceVersion"]),
        generation=metadata.get("generation") or 0,
        is_deleting="deletionTimestamp" in metadata,
        key=_key(document),
        root_uid=labels.get(names.LABEL_ROOT_UID, ""),
        facts=_digest(document),
        body=b"" if is_pod else _body(document),
        pod=pods.facts(document) if is_pod else None,
        model=_model(document),
    )


def _key(document: Document) -> Key | None:
    kind, metadata = document["kind"], document["metadata"]
    namespace = metadata.get("namespace", "")
    if kind in KEY_KINDS:
        return Key(KEY_KINDS[kind], namespace, metadata["name"])
    if kind == names.DECISION:
        target = document["spec"]["target"]
        return Key(KEY_KINDS[target["kind"]], namespace, target["name"])
    labels = metadata.get("labels") or {}
    if root_kind := KEY_KINDS.get(labels.get(names.LABEL_ROOT_KIND, "")):
        return Key(root_kind, namespace, labels.get(names.LABEL_ROOT_NAME, ""))
    if labels.get(names.LABEL_COMPONENT) == names.COMPONENT_ROUTER:
        return Key(ROUTER, namespace, "")
    return None


def _model(document: Document) -> str:
    if document["kind"] != names.RETRAIN_JOB:
        return ""
    return str(document["spec"]["modelRef"]["name"])


def _body(document: Document) -> bytes:
    metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
    body = _canonical({**document, "metadata": metadata})
    return zlib.compress(body, 1) if len(body) > COMPRESS_ABOVE_BYTES else body


def _digest(document: Document) -> bytes:
    metadata = {k: v for k, v in document["metadata"].items() if k not in NOISE}
    matter: dict[str, Any] = {
        "metadata": metadata,
        "generation": document["metadata"].get("generation"),
        "uid": document["metadata"]["uid"],
        "status": _status(document),
    }
    if matter["generation"] is None and document["kind"] != "Pod":
        matter |= {k: v for k, v in document.items() if k not in ("metadata", "status")}
    return hashlib.blake2b(_canonical(matter), digest_size=16).digest()


def _status(document: Document) -> object:
    """Return what matters of a status: times that move by themselves do not."""
    status = document.get("status") or {}
    if document["kind"] == "Pod":
        return repr(pods.facts(document))
    if document["kind"] in (names.MODEL_DEPLOYMENT, names.RETRAIN_JOB, names.DECISION):
        return status
    conditions = [
        {k: each.get(k) for k in ("type", "status", "reason")}
        for each in status.get("conditions") or ()
    ]
    return {**status, "conditions": conditions}


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
