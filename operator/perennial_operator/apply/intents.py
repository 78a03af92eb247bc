"""Whether a live object is already what is intended. Pure.

Skip iff the annotation of the live object holds the hash of the intent and the live object
contains it: the hash alone misses drift, the subset alone misses removals.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from perennial_operator.api import names

OPAQUE = "data"  # of ConfigMaps and ControllerRevisions: ours to the last byte
EMPTY_MEANS_SOMETHING = frozenset({"emptyDir", "podSelector", "namespaceSelector"})
MERGE_KEYS = (("containerPort", "protocol"), ("name",), ("type",), ("uid",))
SUFFIXES: Mapping[str, Decimal] = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** n for n, unit in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{
        unit: Decimal(1024) ** n
        for n, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)
    },
}

Document = dict[str, Any]


def stamped(intent: Mapping[str, Any]) -> Document:
    """Return the intent without empty values and with the annotation that holds its hash."""
    document: Document = _pruned({k: v for k, v in intent.items() if k != OPAQUE})
    if OPAQUE in intent:
        document[OPAQUE] = intent[OPAQUE]
    metadata = document["metadata"]
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {**annotations, names.ANNOTATION_SPEC_HASH: spec_hash(document)}
    return document


def spec_hash(document: Mapping[str, Any]) -> str:
    """Return the hash of an intent, its own annotation aside."""
    metadata = dict(document["metadata"])
    annotations = dict(metadata.pop("annotations", {}))
    annotations.pop(names.ANNOTATION_SPEC_HASH, None)
    plain = {**document, "metadata": {**metadata, "annotations": annotations}}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def is_in_force(live: Mapping[str, Any], intent: Mapping[str, Any]) -> bool:
    """Whether applying the stamped `intent` would change nothing of `live`."""
    annotations = live["metadata"].get("annotations") or {}
    wanted = intent["metadata"]["annotations"][names.ANNOTATION_SPEC_HASH]
    return annotations.get(names.ANNOTATION_SPEC_HASH) == wanted and contains(live, intent)


def contains(live: Any, intent: Any) -> bool:  # noqa: ANN401  # JSON of any shape
    """Whether everything that is intended is there; what others added is no matter."""
    if isinstance(intent, Mapping):
        return isinstance(live, Mapping) and all(
            # the server leaves empty texts out, like `value: ""` of a variable
            contains(live[key], value) if key in live else value == ""
            for key, value in intent.items()
        )
    if isinstance(intent, list):
        return isinstance(live, list) and _contains_list(live, intent)
    return _equal(live, intent)


def _contains_list(live: Sequence[Any], intent: Sequence[Any]) -> bool:
    keys = _merge_keys(intent)
    if not keys:
        return len(live) == len(intent) and all(map(contains, live, intent))
    found = {_identity(each, keys): each for each in live if isinstance(each, Mapping)}
    return all(contains(found.get(_identity(each, keys)), each) for each in intent)


def _merge_keys(intent: Sequence[Any]) -> tuple[str, ...]:
    """Return the fields that name the items of a list, none if it goes by position."""
    if not all(isinstance(each, Mapping) for each in intent):
        return ()
    fits = (keys for keys in MERGE_KEYS if all(keys[0] in each for each in intent))
    return next(fits, ())


def _identity(item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    defaults = {"protocol": "TCP"}
    return tuple(item.get(key, defaults.get(key)) for key in keys)


def _equal(live: object, intent: object) -> bool:
    if live == intent and isinstance(live, bool) == isinstance(intent, bool):
        return True
    if isinstance(live, bool) or isinstance(intent, bool):
        return False
    amounts = quantity(live), quantity(intent)
    return amounts[0] is not None and amounts[0] == amounts[1]


def quantity(value: object) -> Decimal | None:
    """Return the amount of a Kubernetes quantity or number, None if it is none.

    >>> quantity("500m") == quantity("0.5"), quantity("1Gi") == quantity("1024Mi")
    (True, True)
    """
    text = str(value)
    number = text.rstrip("numkKMGTPEi")
    try:
        return Decimal(number) * SUFFIXES[text[len(number) :]]
    except (InvalidOperation, KeyError):
        return None


def _pruned(value: Any) -> Any:  # noqa: ANN401  # JSON of any shape
    if isinstance(value, Mapping):
        pairs = ((key, _pruned(each)) for key, each in value.items())
        return {
            key: each
            for key, each in pairs
            if each is not None and (each not in ([], {}) or key in EMPTY_MEANS_SOMETHING)
        }
    if isinstance(value, list | tuple):
        return [_pruned(each) for each in value]
    return value
