"""Every environment variable of the operator: typed, defaulted, checked, in one place."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.snapshot import Options

PREFIX = "PERENNIAL_"
SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"
TRUE = frozenset({"true", "1", "yes"})
FALSE = frozenset({"false", "0", "no", ""})


class SettingsError(Exception):
    """Settings that the process cannot run with; the message names all of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator is told by its Deployment.

    `host` "" is every address. `watch_namespaces` empty is all namespaces. Without a service
    account `kubeconfig` is used. Names without our prefix are those that Kubernetes gives.
    """

    host: str = ""
    serving_image: str = names.SERVING_IMAGE
    operator_image: str = names.OPERATOR_IMAGE
    envoy_image: str = names.ENVOY_IMAGE
    router_replicas: int = 2
    allowed_hosts: str = ""
    allow_private_networks: bool = False
    allow_unsafe_formats: bool = False
    allowed_trainer_images: tuple[str, ...] = ()
    max_active_runs_per_namespace: int = 2
    step_cpu: str = "500m"
    step_memory: str = "1Gi"
    watch_namespaces: tuple[str, ...] = ()
    workers: int = 8
    api_writes_per_second: float = 100.0
    api_write_burst: float = 200.0
    api_timeout_seconds: float = 5.0
    resync_seconds: float = 600.0
    pass_timeout_seconds: float = 60.0
    metrics_port: int = 8080
    health_port: int = 8081
    log_level: str = "info"
    key_file: str = "/perennial/key/key"
    service_account_dir: str = SERVICE_ACCOUNT_DIR
    kubeconfig: str = field(default="", metadata={"name": "KUBECONFIG"})
    kubernetes_host: str = field(default="", metadata={"name": "KUBERNETES_SERVICE_HOST"})
    kubernetes_port: str = field(default="443", metadata={"name": "KUBERNETES_SERVICE_PORT"})
    pod_name: str = field(default="operator", metadata={"name": "POD_NAME"})
    pod_namespace: str = field(default="perennial-system", metadata={"name": "POD_NAMESPACE"})

    @property
    def options(self) -> Options:
        """Return what planners read."""
        return Options(
            serving_image=self.serving_image,
            operator_image=self.operator_image,
            envoy_image=self.envoy_image,
            router_replicas=self.router_replicas,
            allowed_hosts=self.allowed_hosts,
            allow_private_networks=self.allow_private_networks,
            allow_unsafe_formats=self.allow_unsafe_formats,
            allowed_trainer_images=self.allowed_trainer_images,
            max_active_runs_per_namespace=self.max_active_runs_per_namespace,
            step_cpu=self.step_cpu,
            step_memory=self.step_memory,
        )


def variable(name: str, metadata: Mapping[str, Any]) -> str:
    """Return the environment variable of a field."""
    return str(metadata.get("name") or PREFIX + name.upper())


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings; `SettingsError` names every variable that cannot be understood."""
    values: dict[str, Any] = {}
    findings: list[str] = []
    for each in fields(Settings):
        name = variable(each.name, each.metadata)
        if name not in environment:
            continue
        assert each.default is not MISSING  # noqa: S101  # every setting has a default
        try:
            values[each.name] = _parse(each.default, environment[name])
        except ValueError as error:
            findings.append(f"{name}: {error}")
    if not findings:
        findings = _findings(Settings(**values))
    if findings:
        raise SettingsError("; ".join(findings))
    return Settings(**values)


def _parse(default: object, text: str) -> object:
    parsers: Mapping[type, Callable[[str], object]] = {
        bool: _boolean,
        int: int,
        float: float,
        tuple: _words,
        str: str,
    }
    return parsers[type(default)](text)


def _boolean(text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    message = f"{text!r} is neither true nor false"
    raise ValueError(message)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _findings(settings: Settings) -> list[str]:
    least = {
        "router_replicas": 1,
        "workers": 1,
        "max_active_runs_per_namespace": 1,
        "api_writes_per_second": 1,
        "api_write_burst": 1,
        "api_timeout_seconds": 1,
        "resync_seconds": 10,
        "pass_timeout_seconds": 10,
    }
    low = [
        f"{PREFIX}{name.upper()}: must be at least {bound}"
        for name, bound in least.items()
        if getattr(settings, name) < bound
    ]
    if settings.log_level.lower() not in ("debug", "info", "warning", "error"):
        low.append(f"{PREFIX}LOG_LEVEL: must be debug, info, warning or error")
    return low
