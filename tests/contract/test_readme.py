"""The README shows what is there: its YAML, its commands, its paths."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATOR = ROOT / "operator/perennial_operator"
SERVING = ROOT / "serving/perennial_serving"


def table_paths() -> list[str]:
    """Return the paths of "Where do I change ...?"."""
    table = README[README.index("## Where do I change") :]
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    return [path for cell in cells for path in re.findall(r"`([\w./]+(?:/|\.py))`", cell)]


def test_the_first_yaml_is_the_demonstration_s() -> None:
    """What readers paste is what the demonstration applies."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)

    assert shown == (ROOT / "docs/start/demo/model.yaml").read_text()


def test_the_two_commands_are_targets() -> None:
    """`make demo` and `make test` exist."""
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make (\w+)", README, flags=re.MULTILINE)

    assert commands == ["demo", "test"]
    assert all(f"\n{command}:" in makefile for command in commands)


@pytest.mark.parametrize("path", table_paths())
def test_the_table_names_places_that_exist(path: str) -> None:
    """A newcomer finds the file that the table names."""
    places = (ROOT / path, OPERATOR / path, SERVING / path.removeprefix("serving/.../"))
    siblings = OPERATOR.rglob(path)

    assert any(place.exists() for place in places) or any(siblings)


def test_the_table_has_rows() -> None:
    """The pattern finds the table."""
    assert len(table_paths()) > 15


def test_links_lead_somewhere() -> None:
    """Relative links of the README exist."""
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)

    assert [link for link in links if not (ROOT / link).exists()] == []
