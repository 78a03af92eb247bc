"""The verb `publish` prints where the model is and what names it, and says why it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import skops.io
from click.testing import CliRunner
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from perennial_serving.jobs import publish
from perennial_serving.jobs.publish import Options

FRAME = load_iris(as_frame=True).data
MODEL = LogisticRegression(max_iter=500).fit(FRAME, load_iris().target)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with a model file and rows."""
    (tmp_path / "m.skops").write_bytes(skops.io.dumps(MODEL))
    FRAME.to_parquet(tmp_path / "rows.parquet")
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the verb; return its exit code and what it prints."""
    result = CliRunner().invoke(
        publish.command, [str(folder / "m.skops"), "--to", f"file://{folder}/store", *arguments]
    )
    return result.exit_code, result.output


def test_a_person_reads_uri_digest_and_format(files: Path) -> None:
    """Three lines; the folder of that name exists."""
    code, output = run(files, "--sample", str(files / "rows.parquet"))
    assert code == 0
    found = re.fullmatch(r"uri:    file://(\S+)\ndigest: sha256:(\w{64})\nformat: onnx\n", output)
    assert found[1].endswith(found[2])
    assert (Path(found[1]) / "manifest.json").is_file()


def test_a_program_reads_json(files: Path) -> None:
    """The same facts, and why nothing was converted."""
    code, output = run(files, "-o", "json", "--name", "iris")
    document = json.loads(output)
    assert code == 0
    assert set(document) == {"uri", "digest", "format", "size_bytes", "note"}
    assert (document["format"], document["note"]) == ("skops", "no rows to prove a conversion on")
    assert run(files)[1].endswith("not converted: no rows to prove a conversion on\n")


def test_a_demanded_format_is_given_or_refused(files: Path) -> None:
    """Skops keeps the model; ONNX without rows is refused with the next step."""
    assert run(files, "--format", "skops")[1].endswith("format: skops\n")
    code, output = run(files, "--format", "onnx")
    sentence = "a conversion is proved on rows; give a sample of the training data"
    assert (code, output) == (1, f"Error: NotEquivalent: {sentence}\n")


def test_a_store_that_cannot_be_written_is_an_error_of_one_line(files: Path) -> None:
    """The scheme is not one that can be written."""
    result = CliRunner().invoke(publish.command, [str(files / "m.skops"), "--to", "ftp://x/y"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: UriRefused")
    assert "Traceback" not in result.output


def test_help_shows_an_example() -> None:
    """A reader can copy the line."""
    output = CliRunner().invoke(publish.command, ["--help"]).output
    assert (
        "perennial publish digits.skops --sample digits.parquet --to s3://models/digits" in output
    )


def test_python_publishes_a_fitted_estimator(tmp_path: Path) -> None:
    """The function gives what the verb prints."""
    found = publish.publish_model(MODEL, FRAME, f"file://{tmp_path}", options=Options(name="iris"))
    assert (found.format, found.note) == ("onnx", "")
    assert (tmp_path / "models/sha256" / found.digest[7:] / "model.onnx").is_file()


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        ({}, ()),
        ({"AWS_ENDPOINT_URL": "https://minio.example:9000"}, ("minio.example:9000",)),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}, ("http://127.0.0.1:5000",)),
    ],
)
def test_the_persons_own_endpoint_is_allowed(environment: dict, hosts: tuple) -> None:
    """Keys come from the environment; nothing else of it is taken."""
    access = publish.access_of({**environment, "AWS_ACCESS_KEY_ID": "k", "HOME": "/root"})
    assert access.allowed_hosts == hosts
    assert access.credentials == {**environment, "AWS_ACCESS_KEY_ID": "k"}


def test_the_verb_is_listed_without_loading_a_model_library() -> None:
    """Importing its module is quick: help of other verbs does not wait for scikit-learn."""
    code = "import sys, perennial_serving.jobs.publish; print('sklearn' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
