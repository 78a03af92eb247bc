"""Settings: typed, complete, and every finding at once."""

from dataclasses import fields
from pathlib import Path

import pytest

from perennial_serving import settings as configuration
from perennial_serving.settings import Settings, read, thread_count

DIGEST = "sha256:" + "0" * 64
SERVE = {
    "PERENNIAL_MODEL_NAME": "iris",
    "PERENNIAL_REVISION": "iris-abc123",
    "PERENNIAL_MODEL_DIGEST": DIGEST,
}


def findings(**variables: str) -> tuple[str, ...]:
    """Return what is wrong with a good environment after some changes."""
    return read(
        SERVE | {f"PERENNIAL_{name}": value for name, value in variables.items()}, "serve"
    ).findings


def test_the_defaults_are_those_of_the_reference() -> None:
    """What is not set has its documented value."""
    reading = read(SERVE, "serve")
    assert reading.findings == ()
    assert reading.settings == Settings(
        model_name="iris", revision="iris-abc123", model_digest=DIGEST
    )


def test_every_type_of_setting_is_read() -> None:
    """Texts, numbers, sizes, flags, lists, paths and seconds."""
    environment = {
        "PERENNIAL_MODEL_URI": "file:///m",
        "PERENNIAL_DATA_PORT": "9000",
        "PERENNIAL_MAX_MODEL_BYTES": "2Gi",
        "PERENNIAL_ALLOW_PRIVATE_NETWORKS": "true",
        "PERENNIAL_ALLOW_UNSAFE_FORMATS": "false",
        "PERENNIAL_ALLOWED_HOSTS": "a.example, http://b.example:9000 ",
        "PERENNIAL_MODEL_DIR": "/somewhere",
        "PERENNIAL_REQUEST_TIMEOUT_SECONDS": "2.5",
    }
    reading = read(environment, "fetch")
    assert reading.findings == ()
    assert reading.settings == Settings(
        model_uri="file:///m",
        data_port=9000,
        max_model_bytes=2 * 2**30,
        allow_private_networks=True,
        allowed_hosts=("a.example", "http://b.example:9000"),
        model_dir=Path("/somewhere"),
        request_timeout_seconds=2.5,
    )


@pytest.mark.parametrize(
    ("role", "missing"),
    [("fetch", ["MODEL_URI"]), ("serve", ["MODEL_NAME", "REVISION", "MODEL_DIGEST"])],
)
def test_each_role_says_what_it_needs(role: str, missing: list[str]) -> None:
    """All of it, not only the first."""
    assert read({}, role).findings == tuple(f"PERENNIAL_{name} must be set" for name in missing)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_PORT", "http"),
        ("DATA_PORT", "-1"),
        ("DATA_PORT", "65536"),
        ("ADMIN_PORT", "65536"),
        ("MAX_MODEL_BYTES", "2GB"),
        ("MAX_MODEL_BYTES", ""),
        ("ALLOW_PRIVATE_NETWORKS", "yes"),
        ("REQUEST_TIMEOUT_SECONDS", "1e3"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("MODEL_NAME", "Iris"),
        ("MODEL_NAME", "../x"),
        ("REVISION", "a/b"),
        ("MODEL_DIGEST", "sha256:0"),
        ("MODEL_FORMAT", "pickle"),
        ("CPU_LIMIT", "two"),
        ("LOG_LEVEL", "loud"),
        ("MAX_IN_FLIGHT", "0"),
        ("MAX_BATCH_ROWS", "0"),
    ],
)
def test_an_impossible_value_is_a_finding(name: str, value: str) -> None:
    """The finding names the variable and what it must be."""
    (finding,) = findings(**{name: value})
    assert finding.startswith(f"PERENNIAL_{name} must be ")


def test_all_findings_come_at_once() -> None:
    """Nobody fixes one typing error a restart."""
    assert len(findings(DATA_PORT="x", LOG_LEVEL="y", MAX_BODY_BYTS="1")) == 3


def test_an_unknown_setting_is_a_finding() -> None:
    """A misspelled limit must not be ignored."""
    assert findings(MAX_BODY_BYTS="1") == (
        "PERENNIAL_MAX_BODY_BYTS is not a setting of this version",
    )


@pytest.mark.parametrize(
    "name",
    [*sorted(configuration.FOREIGN), "ROUTER_SERVICE_HOST", "ROUTER_SERVICE_PORT", "ROUTER_PORT",
     "ROUTER_PORT_80_TCP_ADDR", "ROUTER_SERVICE_PORT_HTTP"],
)  # fmt: skip
def test_variables_of_others_are_no_findings(name: str) -> None:
    """Jobs, the process node, and the kubelet's links to Services."""
    assert findings(**{name: "x"}) == ()


def test_every_setting_has_a_parser() -> None:
    """A field of a new type is noticed here, not in a Pod."""
    for field in fields(Settings):
        assert findings(**{field.name.upper(): "\x00"}) or field.type in {
            str,
            Path,
            tuple[str, ...],
        }


@pytest.mark.parametrize(
    ("changes", "files", "threads"),
    [
        ({"THREADS": "3"}, {"cpu.max": "100000 100000"}, 3),
        ({"CPU_LIMIT": "2.5"}, {"cpu.max": "100000 100000"}, 2),
        ({"CPU_LIMIT": "500m"}, {}, 1),
        ({"CPU_LIMIT": "4000m"}, {}, 4),
        ({}, {"cpu.max": "400000 100000"}, 4),
        ({}, {"cpu.max": "50000 100000"}, 1),
        ({}, {"cpu.max": "max 100000"}, 1),
        ({}, {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({}, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({}, {}, 1),
    ],
)
def test_threads_follow_the_limit_of_the_container(
    tmp_path: Path, changes: dict[str, str], files: dict[str, str], *, threads: int
) -> None:
    """The setting, else the stated limit, else the cgroup of version 2 or 1; never the host."""
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    environment = SERVE | {f"PERENNIAL_{name}": value for name, value in changes.items()}
    assert thread_count(read(environment, "serve").settings, tmp_path) == threads
