"""Every environment variable of the roles `fetch` and `serve`, typed and defaulted, in one place.

The operator sets them from the spec. Reading returns all findings at once; nothing is guessed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from perennial_serving.contract import manifest, ports
from perennial_serving.contract.manifest import FORMATS

PREFIX = "PERENNIAL_"
# Set for every container, read by other programs of the image or by the process node.
FOREIGN = frozenset(
    {"STEP", "IN", "OUT", "RUN_ID", "ATTEMPT", "SEED", "SERVICE_ACCOUNT_DIR", "MEMORY_LIMIT_BYTES"}
)
# What the kubelet sets for Services of the namespace, were one called `perennial-...`.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_|$)")
_SIZE = re.compile(r"(\d+)(Ki|Mi|Gi)?", re.ASCII)
_UNITS = {None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)", re.ASCII)
_LEVELS = ("debug", "info", "warning", "error")
_PORT_LIMIT = 65535

CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = ("max", "-1")


@dataclass(frozen=True, slots=True)
class Settings:
    """One field, one variable: `data_port` is PERENNIAL_DATA_PORT.

    An empty `host` means all addresses. `max_body_bytes` bounds every body, `max_json_bytes`
    those of JSON. `threads` 0 means the CPU limit, which `cpu_limit` states where no cgroup does.
    `credentials_dir` has one folder a purpose; `fetch` reads `model`.
    """

    host: str = ""
    data_port: int = ports.DATA_PORT
    admin_port: int = ports.ADMIN_PORT
    model_name: str = ""
    revision: str = ""
    model_dir: Path = Path("/models")
    model_uri: str = ""
    model_digest: str = ""
    model_format: str = ""
    allow_unsafe_formats: bool = False
    max_model_bytes: int = 10 * 2**30
    allowed_hosts: tuple[str, ...] = ()
    allow_private_networks: bool = False
    credentials_dir: Path = Path("/perennial/credentials")
    threads: int = 0
    cpu_limit: str = ""
    max_batch_rows: int = 256
    max_in_flight: int = 256
    max_body_bytes: int = 32 * 2**20
    max_json_bytes: int = 8 * 2**20
    max_json_elements: int = 1_000_000
    max_rows: int = 100_000
    request_timeout_seconds: float = 30.0
    keep_alive_seconds: int = 75
    load_timeout_seconds: float = 600.0
    drain_delay_seconds: float = 10.0
    termination_log: Path = Path("/dev/termination-log")
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Reading:
    """What an environment says; the settings count only without findings."""

    settings: Settings
    findings: tuple[str, ...]


REQUIRED: Mapping[str, tuple[str, ...]] = {
    "fetch": ("model_uri",),
    "serve": ("model_name", "revision", "model_digest"),
}


def read(environment: Mapping[str, str], role: str) -> Reading:
    """Return the settings of a role and everything that is wrong with them."""
    given = {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    values: dict[str, Any] = {}
    findings: list[str] = []
    for field in fields(Settings):
        text = given.pop(field.name.upper(), None)
        if text is None:
            continue
        value = _PARSERS[field.type](text)
        if value is None:
            findings.append(f"{PREFIX}{field.name.upper()} must be {_WANTED[field.type]}")
        else:
            values[field.name] = value
    settings = Settings(**values)
    findings += [_unknown(name) for name in sorted(given) if _is_unknown(name)]
    findings += [f"{PREFIX}{name.upper()} must be set" for name in _missing(settings, role)]
    findings += _impossible(settings)
    return Reading(settings, tuple(findings))


def thread_count(settings: Settings, cgroup: Path = CGROUP) -> int:
    """Return how many model runs may happen at once: the CPU limit, never the host's size."""
    if settings.threads:
        return settings.threads
    limit = _cpus(settings.cpu_limit) if settings.cpu_limit else _cgroup_cpus(cgroup)
    return max(int(limit or 1), 1)


def _cgroup_cpus(cgroup: Path) -> float | None:
    """Return the limit of cgroup v2, or of v1; None without one."""
    if (cgroup / "cpu.max").is_file():
        quota, period = (cgroup / "cpu.max").read_text().split()
    elif (cgroup / "cpu/cpu.cfs_quota_us").is_file():
        quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
        period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
    else:
        return None
    return None if quota in _UNLIMITED else int(quota) / int(period)


def _missing(settings: Settings, role: str) -> list[str]:
    return [name for name in REQUIRED.get(role, ()) if not getattr(settings, name)]


def _impossible(settings: Settings) -> list[str]:
    checks = (
        (settings.data_port > _PORT_LIMIT, "DATA_PORT", f"at most {_PORT_LIMIT}"),
        (settings.admin_port > _PORT_LIMIT, "ADMIN_PORT", f"at most {_PORT_LIMIT}"),
        (not _is_empty_or(_is_label, settings.model_name), "MODEL_NAME", "a DNS label"),
        (not _is_empty_or(_is_label, settings.revision), "REVISION", "a DNS label"),
        (not _is_empty_or(manifest.is_digest, settings.model_digest), "MODEL_DIGEST", "a digest"),
        (settings.model_format not in {"", *FORMATS}, "MODEL_FORMAT", f"one of {FORMATS}"),
        (not _is_empty_or(_cpus, settings.cpu_limit), "CPU_LIMIT", "a CPU quantity"),
        (settings.log_level not in _LEVELS, "LOG_LEVEL", f"one of {_LEVELS}"),
        (settings.max_in_flight < 1, "MAX_IN_FLIGHT", "at least 1"),
        (settings.max_batch_rows < 1, "MAX_BATCH_ROWS", "at least 1"),
        (settings.request_timeout_seconds <= 0, "REQUEST_TIMEOUT_SECONDS", "more than 0"),
    )
    return [f"{PREFIX}{name} must be {wanted}" for failed, name, wanted in checks if failed]


def _is_empty_or(check: Callable[[str], object], text: str) -> bool:
    return text == "" or bool(check(text))


def _is_label(text: str) -> bool:
    return all(_LABEL.fullmatch(part) for part in text.split("."))


def _is_unknown(name: str) -> bool:
    return name not in FOREIGN and not _SERVICE_LINK.search(name)


def _unknown(name: str) -> str:
    return f"{PREFIX}{name} is not a setting of this version"


def _cpus(text: str) -> float | None:
    found = _CPU.fullmatch(text)
    return None if found is None else float(found.group(1)) / (1000 if found.group(2) else 1)


def _whole(text: str) -> int | None:
    found = _SIZE.fullmatch(text)
    return None if found is None else int(found.group(1)) * _UNITS[found.group(2)]


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else None


def _flag(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[,\s]+", text.strip())) if text.strip() else ()


_PARSERS: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    int: _whole,
    float: _seconds,
    bool: _flag,
    Path: Path,
    tuple[str, ...]: _words,
}
_WANTED: Mapping[Any, str] = {
    int: "a whole number, or one with Ki, Mi or Gi",
    float: "a number of seconds",
    bool: "true or false",
}
