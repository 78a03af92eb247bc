"""What a container says when it ends: one JSON termination message of at most 4,096 bytes.

Roles and step Jobs write it, the operator parses it. Standard library only; no paths, hosts or
secrets in any message.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

MESSAGE_LIMIT_BYTES = 4096

EXIT_OK = 0
EXIT_INVALID = 65
EXIT_UNAVAILABLE = 69
EXIT_BUG = 70
EXIT_SETTINGS = 78


class Outcome(StrEnum):
    """How a container ended, in the words of the message's `class`."""

    OK = "OK"
    INVALID = "Invalid"
    UNAVAILABLE = "Unavailable"
    BUG = "Bug"


class Reason(StrEnum):
    """Machine reasons of results and of HTTP error bodies."""

    OK = "OK"
    # fetching and loading: the user must act
    URI_REFUSED = "UriRefused"
    ADDRESS_REFUSED = "AddressRefused"
    REDIRECT_REFUSED = "RedirectRefused"
    ACCESS_DENIED = "AccessDenied"
    NOT_FOUND = "NotFound"
    TOO_LARGE = "TooLarge"
    DIGEST_MISMATCH = "DigestMismatch"
    MANIFEST_INVALID = "ManifestInvalid"
    UNSAFE_PATH = "UnsafePath"
    ARCHIVE_REFUSED = "ArchiveRefused"
    FORMAT_MISMATCH = "FormatMismatch"
    UNSAFE_FORMAT = "UnsafeFormat"
    EXTERNAL_DATA_REFUSED = "ExternalDataRefused"
    OPERATOR_REFUSED = "OperatorRefused"
    SIGNATURE_MISSING = "SignatureMissing"
    SIGNATURE_INVALID = "SignatureInvalid"
    INPUTS_MISMATCH = "InputsMismatch"
    WARMUP_FAILED = "WarmupFailed"
    # retry helps
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    DISK_FULL = "DiskFull"
    # steps of a retraining run
    SOURCE_MISSING = "SourceMissing"
    READER_MISSING = "ReaderMissing"
    SNAPSHOT_EXPIRED = "SnapshotExpired"
    COLUMN_MISSING = "ColumnMissing"
    COLUMN_UNSUPPORTED = "ColumnUnsupported"
    TRAINER_REFUSED = "TrainerRefused"
    RESULT_MISSING = "ResultMissing"
    RESULT_CORRUPT = "ResultCorrupt"
    FORMAT_REFUSED = "FormatRefused"
    NOT_EQUIVALENT = "NotEquivalent"
    OTHER_SIGNATURE = "OtherSignature"
    # requests: the client must act
    MALFORMED_JSON = "MalformedJson"
    TOO_DEEP = "TooDeep"
    NUMBER_OUT_OF_RANGE = "NumberOutOfRange"
    FIELD_INVALID = "FieldInvalid"
    OUTPUT_UNKNOWN = "OutputUnknown"
    DATATYPE_UNSUPPORTED = "DatatypeUnsupported"
    DATATYPE_MISMATCH = "DatatypeMismatch"
    SHAPE_INVALID = "ShapeInvalid"
    SHAPE_MISMATCH = "ShapeMismatch"
    VALUE_INVALID = "ValueInvalid"
    MISSING_VALUE = "MissingValue"
    NON_FINITE = "NonFinite"
    ENCODING_UNSUPPORTED = "EncodingUnsupported"
    MEDIA_TYPE_UNSUPPORTED = "MediaTypeUnsupported"
    BODY_TOO_LARGE = "BodyTooLarge"
    TOO_MANY_ROWS = "TooManyRows"
    FRAMING_INVALID = "FramingInvalid"
    VERSION_UNSUPPORTED = "VersionUnsupported"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    TIMEOUT = "Timeout"
    # requests: retry helps
    STARTING = "Starting"
    MODEL_LOADING = "ModelLoading"
    DRAINING = "Draining"
    OVERLOADED = "Overloaded"
    DEADLINE_UNREACHABLE = "DeadlineUnreachable"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    # processes
    SETTINGS_INVALID = "SettingsInvalid"
    INTERNAL = "Internal"


EXIT_CODES: Mapping[Outcome, int] = {
    Outcome.OK: EXIT_OK,
    Outcome.INVALID: EXIT_INVALID,
    Outcome.UNAVAILABLE: EXIT_UNAVAILABLE,
    Outcome.BUG: EXIT_BUG,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One termination message.

    `digest` and `size_bytes` describe a fetched artifact; `step` names a step Job and `payload`
    carries that step's numbers (one of the dataclasses below, as a plain mapping).
    """

    outcome: Outcome
    reason: str
    message: str = ""
    digest: str = ""
    size_bytes: int = 0
    seconds: float = 0.0
    step: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> str:
        """Return the JSON text, the free-text message shortened until it fits the limit."""
        message = self.message
        while True:
            text = json.dumps(self._document(message), sort_keys=True, separators=(",", ":"))
            if len(text.encode()) <= MESSAGE_LIMIT_BYTES or not message:
                return text
            message = message[: len(message) // 2]

    def _document(self, message: str) -> dict[str, Any]:
        return {
            "v": 1,
            "class": self.outcome.value,
            "reason": self.reason,
            "message": message,
            "digest": self.digest,
            "bytes": self.size_bytes,
            "seconds": round(self.seconds, 3),
            "step": self.step,
            "payload": dict(self.payload),
        }


def parse(text: str) -> Result | None:
    """Return the result that a termination message holds, or None if it is not one of ours."""
    try:
        document = json.loads(text)
        if document["v"] != 1:
            return None
        return Result(
            outcome=Outcome(document["class"]),
            reason=str(document["reason"]),
            message=str(document["message"]),
            digest=str(document["digest"]),
            size_bytes=int(document["bytes"]),
            seconds=float(document["seconds"]),
            step=str(document["step"]),
            payload=dict(document["payload"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Counts of one column over the train rows: enough to judge nulls and types."""

    name: str
    dtype: str
    rows: int
    nulls: int


@dataclass(frozen=True, slots=True)
class CheckPayload:
    """What `job check` found: pinned data, splits and the counts that the data gate judges.

    `extra` and `missing` compare with the champion's signature (empty without one); `dtype` is
    `number`, `text` or `boolean`; `duplicates` count train rows, `unlabeled` and `untimed` (no
    time) the source's rows that were dropped. Where a table is wide, lists are shortened to fit the
    message: `columns` (and `champion_nulls`) to those with most nulls, `features` to none (then all
    columns without a role); `runs/<runId>/in/check.json` holds all of them.
    """

    uri: str
    version: str
    digest: str
    digest_kind: str
    train_rows: int
    holdout_rows: int
    holdout_digest: str
    schema_hash: str
    features: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    duplicates: int = 0
    unlabeled: int = 0
    columns: tuple[ColumnCounts, ...] = ()
    champion_nulls: Mapping[str, float] = field(default_factory=dict)
    train_digest: str = ""
    untimed: int = 0


@dataclass(frozen=True, slots=True)
class HarvestPayload:
    """The candidate that `job harvest` published; `note` says why it was not converted."""

    digest: str
    uri: str
    format: str
    size_bytes: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One paired comparison on the holdout.

    `difference` is better-is-positive (challenger minus champion); `tau` the tested bound;
    `p_pass` tests D <= tau, `p_fail` tests D >= tau; None where the test is not defined (the
    verdict is then Inconclusive, and `note` says why). `floor_p` tests the challenger alone
    against the floor, with the same meaning of pass.
    """

    name: str
    direction: str
    challenger: float | None
    champion: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    tau: float
    p_pass: float | None
    p_fail: float | None
    floor: float | None = None
    floor_p_pass: float | None = None
    floor_p_fail: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ComparePayload:
    """What `job compare` measured; the operator makes the verdict from it."""

    candidate_digest: str
    champion_digest: str
    rows: int
    groups: int
    alpha: float
    metrics: tuple[MetricResult, ...]
    evidence_uri: str
    evidence_digest: str
    same_signature: bool = True


def as_payload(value: CheckPayload | HarvestPayload | ComparePayload) -> dict[str, Any]:
    """Return a step's dataclass as the plain mapping that `Result.payload` carries."""
    return asdict(value)


def check_payload(payload: Mapping[str, Any]) -> CheckPayload:
    """Rebuild the payload of `job check`; KeyError or TypeError if it is not one."""
    fields = dict(payload)
    fields["columns"] = tuple(ColumnCounts(**column) for column in fields["columns"])
    for name in ("features", "missing", "retyped", "extra"):
        fields[name] = tuple(fields[name])
    return CheckPayload(**fields)


def harvest_payload(payload: Mapping[str, Any]) -> HarvestPayload:
    """Rebuild the payload of `job harvest`; TypeError if it is not one."""
    return HarvestPayload(**payload)


def compare_payload(payload: Mapping[str, Any]) -> ComparePayload:
    """Rebuild the payload of `job compare`; KeyError or TypeError if it is not one."""
    fields = dict(payload)
    fields["metrics"] = tuple(MetricResult(**metric) for metric in fields["metrics"])
    return ComparePayload(**fields)
