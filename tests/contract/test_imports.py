"""Each import contract breaks when one bad import is added: none is there for show."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPERATOR, SANDBOX = "operator/perennial_operator", "operator/perennial_sandbox"
SERVING = "serving/perennial_serving"

BREAKS = {
    "The operator's data flows one way": (
        f"{OPERATOR}/plan/actions.py",
        "import perennial_operator.loop.store",
    ),
    "The serving image's data flows one way": (
        f"{SERVING}/codec/tensors.py",
        "import perennial_serving.web.problems",
    ),
    "Decisions and numbers touch nothing that moves": (
        f"{OPERATOR}/plan/rollout/gates.py",
        "import threading",
    ),
    "kopf stays in handlers, the Kubernetes client in cluster": (
        f"{OPERATOR}/apply/objects.py",
        "import kubernetes",
    ),
    "The router agent lives without the operator": (
        f"{OPERATOR}/router/world.py",
        "import perennial_operator.plan.snapshot",
    ),
    "The packages meet only in the contract": (
        f"{OPERATOR}/console/main.py",
        "import perennial_serving.runtime.load",
    ),
    "Serving and the sandbox know nobody": (
        f"{SANDBOX}/network.py",
        "import perennial_operator.errors",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the source roots and their contracts."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("operator", "serving"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken(folder: Path) -> list[str]:
    """Return the contracts that are broken in a copy."""
    program = (
        f"import sys; sys.path[:0] = [{str(folder / 'operator')!r}, {str(folder / 'serving')!r}];"
        "from importlinter.cli import lint_imports_command;"
        "lint_imports_command(['--no-cache'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert any(line.startswith("Contracts:") for line in lines), done.stdout + done.stderr
    return [line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")]


@pytest.mark.parametrize("contract", BREAKS)
def test_one_bad_import_breaks_the_contract(copy: Path, contract: str) -> None:
    """The contract is broken with the import, and kept again without it."""
    name, line = BREAKS[contract]
    source = copy / name
    before = source.read_text()
    source.write_text(f"{before}\n{line}\n")
    try:
        assert contract in broken(copy)
    finally:
        source.write_text(before)


def test_an_untouched_copy_keeps_all(copy: Path) -> None:
    """The copy itself breaks nothing."""
    assert broken(copy) == []
