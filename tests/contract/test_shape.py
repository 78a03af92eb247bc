"""The budgets of the code's shape: functions, files, folders, mirrors, async, suppressions."""

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    ROOT / "operator/perennial_operator",
    ROOT / "operator/perennial_sandbox",
    ROOT / "serving/perennial_serving",
)
MIRRORS = {
    "perennial_operator": ROOT / "tests/operator",
    "perennial_sandbox": ROOT / "tests/sandbox",
    "perennial_serving": ROOT / "tests/serving",
}
ASIDE = {"__init__.py", "__main__.py", "testing.py", "py.typed", "__pycache__"}
ASYNC_PLACES = (
    "web/", "batch/driver", "monitor/export", "observer/", "fetch/", "cluster/", "observe/",
    "apply/", "loop/", "handlers/", "router/agent", "router/envoy", "router/start", "router/web",
    "console/", "perennial_sandbox/", "perennial_serving/__main__",
)  # fmt: skip
FUNCTION_LINES = 40
FUNCTION_LINES_P90 = 20
FILE_LINES = 400
TEST_FILE_LINES = 600
CHILDREN = 10
ROOT_CHILDREN = 12
EXCEPTIONS = tomllib.loads((ROOT / "tests/contract/exceptions.toml").read_text())


@dataclass(frozen=True)
class Function:
    """One function: where it is and how many lines of code it has."""

    where: str
    lines: int


def sources() -> list[Path]:
    """Return every module of the product."""
    return [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]


def relative(path: Path) -> str:
    """Return the path as messages name it."""
    return path.relative_to(ROOT).as_posix()


def excused(kind: str) -> set[str]:
    """Return the paths that may break one budget."""
    return {entry["path"] for entry in EXCEPTIONS.get(kind, [])}


def code_lines(source: list[str], node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count lines of code: no blanks, comments or docstring; nested functions count."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    skipped = set(range(first.lineno, (first.end_lineno or 0) + 1)) if is_docstring else set()
    numbers = range(node.lineno, (node.end_lineno or 0) + 1)
    texts = (source[number - 1].strip() for number in numbers if number not in skipped)
    return sum(1 for text in texts if text and not text.startswith("#"))


def functions() -> Iterator[Function]:
    """Yield every function of the product."""
    for path in sources():
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = code_lines(text.splitlines(), node)
                yield Function(f"{relative(path)}:{node.lineno} {node.name}", lines)


def test_functions_are_short() -> None:
    """None is over 40 lines of code, and nine of ten are within 20."""
    found = list(functions())
    too_long = [f for f in found if f.lines > FUNCTION_LINES and f.where not in excused("function")]

    assert too_long == []
    assert statistics.quantiles([f.lines for f in found], n=10)[-1] <= FUNCTION_LINES_P90


def test_files_are_honest() -> None:
    """No module is over 400 lines, no test over 600."""
    tests = sorted((ROOT / "tests").rglob("*.py"))
    limits = [(path, FILE_LINES) for path in sources()] + [(p, TEST_FILE_LINES) for p in tests]
    too_long = {
        relative(path): len(path.read_text().splitlines())
        for path, limit in limits
        if len(path.read_text().splitlines()) > limit
    }

    assert {k: v for k, v in too_long.items() if k not in excused("file")} == {}


def test_folders_are_small() -> None:
    """No folder has over ten children, no package root over twelve."""
    folders = {path.parent for path in sources()}
    too_full = {
        relative(folder): len(children)
        for folder in folders
        if len(children := {c.name for c in folder.iterdir()} - ASIDE)
        > (ROOT_CHILDREN if folder in PACKAGES else CHILDREN)
    }

    assert {k: v for k, v in too_full.items() if k not in excused("folder")} == {}


def test_every_module_has_its_test_at_the_same_path() -> None:
    """The name of a module leads to its test."""
    missing = []
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            inner = path.relative_to(package)
            if path.name in {"__init__.py", "__main__.py", "testing.py"}:
                continue
            mirror = MIRRORS[package.name] / inner.parent / f"test_{inner.name}"
            if not mirror.exists():
                missing.append(relative(path))

    assert [path for path in missing if path not in excused("mirror")] == []


def test_tests_have_no_packages_and_no_twin_of_the_standard_library() -> None:
    """`operator` stays the standard library's, whatever the root of imports is."""
    forbidden = [
        ROOT / "operator/__init__.py",
        ROOT / "serving/__init__.py",
        *(ROOT / "tests").rglob("__init__.py"),
    ]

    assert [relative(path) for path in forbidden if path.exists()] == []


def test_the_standard_library_s_operator_is_not_shadowed() -> None:
    """Importing `operator` from the repository's root finds the standard library."""
    import operator  # noqa: PLC0415  # the import is what is tested

    assert "perennial" not in (getattr(operator, "__file__", None) or "")
    assert operator.add(1, 2) == 3


def test_async_stays_at_the_edges() -> None:
    """Only drivers and adapters are asynchronous."""
    found = [
        relative(path)
        for path in sources()
        if any(
            isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(ast.parse(path.read_text()))
        )
        and not any(place in relative(path) for place in ASYNC_PLACES)
    ]

    assert found == []


def test_every_suppression_has_its_reason() -> None:
    """A rule is off on a line only with its code and, behind it, why."""
    pattern = re.compile(r"#\s*(noqa|type:\s*ignore|pragma: no cover)(?P<rest>.*)$")
    reason = re.compile(
        r"^(:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*|\[[a-z-]+(,\s*[a-z-]+)*\]|)\s+#\s*\S+"
    )
    bare = [
        f"{relative(path)}:{number}"
        for path in [*sources(), *sorted((ROOT / "tests").rglob("*.py"))]
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (match := pattern.search(line)) and not reason.match(match["rest"])
    ]

    assert bare == []


def test_broad_catches_exist_in_two_places_only() -> None:
    """`except Exception` is for the worker's loop and the server's outermost handler."""
    found = {
        relative(path)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
        )
    }

    assert {path for path in found if path not in excused("catch")} <= {
        "operator/perennial_operator/loop/worker.py",
        "serving/perennial_serving/web/front.py",
    }


def test_names_of_the_group_live_in_one_module() -> None:
    """Literals of our API group stand in `api/names.py` alone."""
    found = [
        relative(path)
        for path in sources()
        if path.name != "names.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "perennial.dev/" in node.value
        and "\n" not in node.value
    ]

    assert [path for path in found if path not in excused("name")] == []


@pytest.mark.parametrize("word", ["utils", "common", "core", "manager", "misc", "base", "helpers"])
def test_no_module_has_an_empty_name(word: str) -> None:
    """A name says what is inside."""
    assert [relative(path) for path in sources() if word in {path.stem, path.parent.name}] == []


def test_exceptions_are_few_and_reasoned() -> None:
    """At most ten budgets are broken, each with its number and reason."""
    entries = [entry for kind in EXCEPTIONS.values() for entry in kind]

    assert len(entries) <= 10
    assert all({"path", "number", "reason"} <= set(entry) for entry in entries)
