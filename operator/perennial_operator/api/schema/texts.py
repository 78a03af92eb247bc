"""Rules of texts that many fields share: durations, digests, decimals, names, locations.

Each is a set of keyword arguments of `fields.spec`. A message says what to write and why.
"""

from typing import Any

from perennial_operator.api.schema.fields import Cel

_DECIMAL = "^-?(0|[1-9][0-9]{0,11})([.][0-9]{1,6})?$"

DURATION: dict[str, Any] = {
    "maxLength": 7,
    "cel": (
        Cel(
            "self.matches('^[1-9][0-9]{0,5}(s|m|h|d)$')",
            "set a whole number and one unit, like 30s, 10m, 24h or 7d",
        ),
    ),
}
DURATION_OR_EMPTY: dict[str, Any] = {
    "maxLength": 7,
    "cel": (
        Cel(
            "self == '' || self.matches('^[1-9][0-9]{0,5}(s|m|h|d)$')",
            "set a whole number and one unit, like 30s, 10m, 24h or 7d, or leave it out",
        ),
    ),
}
DIGEST: dict[str, Any] = {
    "maxLength": 71,
    "cel": (
        Cel(
            "self == '' || self.matches('^sha256:[0-9a-f]{64}$')",
            "set sha256: and 64 lower-case hex digits, as `perennial publish` prints them",
        ),
    ),
}
EVIDENCE_DIGEST: dict[str, Any] = {
    "maxLength": 71,
    "cel": (
        Cel(
            "self == '' || self.matches('^sha256:[0-9a-f]{64}$')",
            "set sha256: and 64 lower-case hex digits, as the object's status shows them",
        ),
    ),
}
OBJECT_NAME: dict[str, Any] = {
    "maxLength": 253,
    "cel": (
        Cel(
            "self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "set the name of an object in this namespace: lower-case letters, digits, '-', '.'",
        ),
    ),
}


def decimal(bounds: str = "", wish: str = 'set a decimal in quotes, like "0.05"') -> dict[str, Any]:
    """Return the rules of a decimal text; `bounds` is CEL over `double(self)`."""
    rule = f"self.matches('{_DECIMAL}')" + (f" && {bounds}" if bounds else "")
    return {"maxLength": 20, "cel": (Cel(f"self == '' || ({rule})", wish),)}


SHARE = decimal(
    "double(self) >= 0.0 && double(self) <= 1.0",
    'set a share from "0" to "1" in quotes, like "0.05"',
)
NOT_NEGATIVE = decimal("double(self) >= 0.0", 'set a decimal of 0 or more in quotes, like "0.01"')


_TRICKS = (
    Cel(
        "!self.matches('^[a-z0-9]+://[^/?#]*@')",
        "remove user and password from the location and set credentialsSecretRef, because "
        "everybody who sees this object could read them",
    ),
    Cel(
        "self.matches('^[!-~]+$') && !self.contains('\\\\') && !self.contains('#')",
        "set a location of plain ASCII without spaces, '\\' and '#', because programs disagree on "
        "what they mean",
    ),
    Cel(
        "!self.matches('/[.][.]?(/|$)') && !self.matches('%(2[eEfF]|5[cC]|00)')",
        "remove '.' and '..' and escaped dots and slashes from the path, because it must name "
        "one place",
    ),
)


def _location(shape: str, shown: str) -> dict[str, Any]:
    start = Cel(
        f"self.matches('^({shape})')",
        f"set a location that starts with {shown}, because nothing else can be used",
    )
    return {"minLength": 1, "maxLength": 2048, "cel": (start, *_TRICKS)}


# One strict form: what two parsers could read in two ways is refused. The contract's guard of
# URLs is stricter still; what only it finds is a finding of `documents.parse`.
_STORED = "file:///[^/]|s3://[^/?#]+/[^/]"
STORE = _location(_STORED, "file:///<path> or s3://<bucket>/<key>")
LOCATION = _location(
    f"{_STORED}|https?://[^/?#]+/",
    "file:///<path>, s3://<bucket>/<key> or https://<host>/",
)
