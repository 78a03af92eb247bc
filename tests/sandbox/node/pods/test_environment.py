"""Tests of variables, command lines and container paths."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.pods import environment
from perennial_sandbox.node.pods.environment import Environment
from perennial_sandbox.node.pods.facts import CONFIG_MAP, SECRET, Facts, Source
from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.testing import pod

SEEN = Facts(
    pod(),
    "127.9.0.1",
    objects={
        Source(CONFIG_MAP, "c"): {"data": {"a": "1", "b": "2"}},
        Source(SECRET, "s"): {"data": {"k": base64.b64encode(b"x\0y").decode()}},
    },
)
FOLDERS = {
    "/models": "/local/scratch/m",
    "/models/deep": "/d",
    "/scratch": "/local/s",
    "/": "/r",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$(NO)", "$(NO)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A $ $(", "$A $ $("),
        ("100$", "100$"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, value: str) -> None:
    """Known names expand, unknown ones stay, two dollars are one."""
    assert environment.expanded(text, {"A": "1", "B": "2"}) == value


@given(st.text())
def test_texts_without_a_dollar_never_change(text: str) -> None:
    """Expansion touches nothing but references."""
    plain = text.replace("$", "")
    assert environment.expanded(plain, {"A": "1"}) == plain


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("/models", "/local/scratch/m"),
        ("/models/x", "/local/scratch/m/x"),
        ("/models/deep/x", "/d/x"),
        ("/models/deeper", "/local/scratch/m/deeper"),
        ("--in=/models,/scratch/a", "--in=/local/scratch/m,/local/s/a"),
        ("file:///models/m.onnx", "file:///local/scratch/m/m.onnx"),
        ('{"path": "/models"}', '{"path": "/local/scratch/m"}'),
        ("cat </models/a >/scratch/b;ls /models", None),
        ("/models-old", "/models-old"),
        ("/models.bak", "/models.bak"),
        ("s3://bucket/models/x", "s3://bucket/models/x"),
        ("http://host:80/models", "http://host:80/models"),
        ("./models", "./models"),
        ("~/models", "~/models"),
        ("/var/models", "/var/models"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_container_paths_become_local_wherever_a_path_can_begin(
    text: str, local: str | None
) -> None:
    """The longest mounted path wins; parts of other paths, names and URLs stay."""
    expected = "cat </local/scratch/m/a >/local/s/b;ls /local/scratch/m"
    assert environment.rewritten(text, FOLDERS) == (expected if local is None else local)


@given(st.text())
def test_without_mounts_no_text_changes(text: str) -> None:
    """A root mount alone rewrites nothing either: everything would match."""
    found = (environment.rewritten(text, {}), environment.rewritten(text, {"/": "/r"}))
    assert found == (text, text)


def test_a_container_names_its_sources() -> None:
    """Whole objects and single keys count, plain values do not."""
    one = Container(
        "c",
        environment=(
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "k"}}},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "y", "key": "k"}}},
            {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ),
        environment_from=({"secretRef": {"name": "z"}}, {"configMapRef": {"name": "w"}}),
    )
    assert environment.sources_of(one) == {
        Source(CONFIG_MAP, "x"),
        Source(SECRET, "y"),
        Source(SECRET, "z"),
        Source(CONFIG_MAP, "w"),
    }


def test_variables_come_from_every_kind_of_source() -> None:
    """Later ones may use earlier ones; a declared variable replaces one of a whole object."""
    one = Container(
        "c",
        resources={"limits": {"cpu": "1500m"}},
        environment_from=(
            {"prefix": "P_", "configMapRef": {"name": "c"}},
            {"configMapRef": {"name": "no", "optional": True}},
        ),
        environment=(
            {"name": "PLAIN", "value": "$(P_a)!"},
            {"name": "EMPTY"},
            {"name": "P_b", "value": "own"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {
                "name": "CPU",
                "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}},
            },
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {
                "name": "GONE",
                "valueFrom": {"secretKeyRef": {"name": "s", "key": "no", "optional": True}},
            },
        ),
    )
    assert environment.environment_of(one, SEEN) == Environment(
        {
            "P_a": "1",
            "P_b": "own",
            "PLAIN": "1!",
            "EMPTY": "",
            "IP": "127.9.0.1",
            "CPU": "2",
            "KEY": "xy",
        }
    )


def test_everything_that_is_missing_is_said_at_once() -> None:
    """A person repairs all of it before the next try."""
    one = Container(
        "c",
        environment_from=({"configMapRef": {"name": "no"}},),
        environment=(
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "z"}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}},
            {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}},
            {"name": "E", "valueFrom": {"fileKeyRef": {}}},
        ),
    )
    assert environment.environment_of(one, SEEN).problems == (
        'ConfigMap "no" not found',
        'variable A: Secret "no" not found',
        'variable B: ConfigMap "c" has no key "z"',
        "variable C: spec.x is not known here",
        "variable D: limits.gpu has no value",
        "variable E: this kind of valueFrom is not supported",
    )


@pytest.mark.parametrize(
    ("one", "argv"),
    [
        (Container("c", image="app:v1", args=("$(A)",)), (("python", "-m", "app"), ("1",))),
        (
            Container("c", image="app:v1", command=("run", "$(A)"), args=("x",)),
            ((), ("run", "1", "x")),
        ),
        (Container("c", image="other", command=("run",)), ((), ("run",))),
        (Container("c", image="other", args=("x",)), None),
    ],
)
def test_a_command_replaces_the_images_words(
    one: Container, argv: tuple[tuple[str, ...], tuple[str, ...]] | None
) -> None:
    """Args follow either; an unknown image without a command cannot run."""
    assert environment.argv_of(one, {"A": "1"}, {"app": ("python", "-m", "app")}) == argv
