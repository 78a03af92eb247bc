"""Settings are typed, defaulted, and refused with all that is wrong."""

from dataclasses import fields

import pytest

from perennial_operator import settings
from perennial_operator.plan.snapshot import Options
from perennial_operator.settings import Settings, SettingsError


def test_nothing_set_is_the_default() -> None:
    """Every setting has one."""
    assert settings.read({}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PERENNIAL_HOST", "127.0.0.1", ("host", "127.0.0.1")),
        ("PERENNIAL_WORKERS", "3", ("workers", 3)),
        ("PERENNIAL_RESYNC_SECONDS", "12.5", ("resync_seconds", 12.5)),
        ("PERENNIAL_ALLOW_UNSAFE_FORMATS", "true", ("allow_unsafe_formats", True)),
        ("PERENNIAL_ALLOW_UNSAFE_FORMATS", "No", ("allow_unsafe_formats", False)),
        ("PERENNIAL_WATCH_NAMESPACES", "a, b,,", ("watch_namespaces", ("a", "b"))),
        ("PERENNIAL_ALLOWED_TRAINER_IMAGES", "", ("allowed_trainer_images", ())),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1", ("kubernetes_host", "10.0.0.1")),
        ("POD_NAMESPACE", "ours", ("pod_namespace", "ours")),
    ],
)
def test_variables_become_values(name: str, text: str, expected: tuple[str, object]) -> None:
    """By the type of the default."""
    field, value = expected
    assert getattr(settings.read({name: text}), field) == value


def test_everything_wrong_is_named_at_once() -> None:
    """So that one restart is enough."""
    environment = {"PERENNIAL_WORKERS": "many", "PERENNIAL_ALLOW_PRIVATE_NETWORKS": "perhaps"}
    with pytest.raises(SettingsError) as caught:
        settings.read(environment)
    assert "PERENNIAL_WORKERS" in str(caught.value)
    assert "PERENNIAL_ALLOW_PRIVATE_NETWORKS: 'perhaps' is neither true nor false" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PERENNIAL_WORKERS", "0"),
        ("PERENNIAL_API_TIMEOUT_SECONDS", "0.1"),
        ("PERENNIAL_LOG_LEVEL", "loud"),
    ],
)
def test_values_out_of_bounds_are_refused(name: str, text: str) -> None:
    """The message names the variable."""
    with pytest.raises(SettingsError, match=name):
        settings.read({name: text})


def test_planners_get_their_part() -> None:
    """Under the same names."""
    made = settings.read({"PERENNIAL_ROUTER_REPLICAS": "5", "PERENNIAL_STEP_CPU": "2"})
    assert (made.options.router_replicas, made.options.step_cpu) == (5, "2")
    shared = {each.name for each in fields(Options)} & {each.name for each in fields(Settings)}
    assert all(getattr(made.options, name) == getattr(made, name) for name in shared)
