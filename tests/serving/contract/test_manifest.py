"""A manifest has one byte form, and nothing hostile or ambiguous is read from one."""

import doctest
import hashlib
import json

import pytest

from perennial_serving.contract import manifest

HEX = hashlib.sha256(b"x").hexdigest()
FILE = {"path": "model.onnx", "size": 1, "sha256": HEX}
MODEL = {"v": 1, "format": "onnx", "model": "model.onnx", "files": [FILE]}
ATTEMPT = {"v": 1, "runId": "r", "attempt": 2, "files": [FILE], "result": {"v": 1}}


def encoded(document: object) -> bytes:
    """Return the document as JSON bytes."""
    return json.dumps(document).encode()


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(manifest).failed == 0


def test_a_model_manifest_survives_the_round_trip() -> None:
    """Encoding and parsing give the same manifest, and encoding again the same bytes."""
    files = (manifest.ListedFile("model.onnx", 1, HEX), manifest.ListedFile("a/b.json", 0, HEX))
    made = manifest.Manifest("onnx", "model.onnx", files)
    read = manifest.parse(made.encode())
    assert (set(read.files), read.format, read.model) == (set(files), "onnx", "model.onnx")
    assert read.encode() == made.encode()
    assert read.total_bytes() == 1


def test_the_order_of_files_does_not_change_the_bytes() -> None:
    """Two packers that list the same files in another order name the same model."""
    files = (manifest.ListedFile("b", 1, HEX), manifest.ListedFile("a", 1, HEX))
    forward = manifest.Manifest("skops", "a", files).encode()
    assert manifest.Manifest("skops", "a", files[::-1]).encode() == forward


def test_an_attempt_manifest_survives_the_round_trip() -> None:
    """Run, attempt, files and the trainer's result come back as written."""
    made = manifest.AttemptManifest(
        "r", 2, (manifest.ListedFile("m.skops", 3, HEX),), {"metrics": {"auc": 0.5}}
    )
    assert manifest.parse_attempt(made.encode()) == made


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"v": 2}, "JSON object"),
        ({"format": "pickle"}, "format must be one of"),
        ({"format": 7}, "format must be a text"),
        ({"model": ""}, "model must be a text"),
        ({"model": "other.onnx"}, "not among the listed files"),
        ({"files": []}, "files must list"),
        ({"files": {}}, "files must list"),
        ({"files": [FILE, FILE]}, "a path twice"),
        ({"files": ["model.onnx"]}, "path, size and sha256"),
        ({"files": [{**FILE, "size": "1"}]}, "path, size and sha256"),
        ({"files": [{**FILE, "size": -1}]}, "size of at least 0"),
        ({"files": [{**FILE, "size": True}]}, "size of at least 0"),
        ({"files": [{**FILE, "sha256": HEX.upper()}]}, "64 hex digits"),
    ],
)
def test_a_bad_model_manifest_is_refused_with_a_sentence(change: dict, sentence: str) -> None:
    """Each wrong field is named in words that its writer understands."""
    with pytest.raises(ValueError, match=sentence):
        manifest.parse(encoded({**MODEL, **change}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"attempt": 0}, "positive integer"),
        ({"attempt": True}, "positive integer"),
        ({"attempt": "1"}, "positive integer"),
        ({"result": []}, "result must be an object"),
        ({"runId": None}, "runId must be a text"),
    ],
)
def test_a_bad_attempt_manifest_is_refused_with_a_sentence(change: dict, sentence: str) -> None:
    """An attempt's manifest names its run and attempt and holds a result."""
    with pytest.raises(ValueError, match=sentence):
        manifest.parse_attempt(encoded({**ATTEMPT, **change}))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 200_000, b"null"])
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    """Truncated, nested, binary and foreign bytes are a ValueError, never a crash."""
    with pytest.raises(ValueError):  # noqa: PT011  # any sentence will do, also the JSON parser's
        manifest.parse(data)


def test_a_huge_manifest_is_not_even_parsed() -> None:
    """The size is looked at first, so that a hostile list costs nothing."""
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        manifest.parse(b" " * (manifest.MAX_MANIFEST_BYTES + 1))


TRICKY = (
    "",
    "/etc/passwd",
    "../x",
    "a/../b",
    "a//b",
    "./a",
    "a/",
    "a\\b",
    "a\nb",
    ".hidden",
    "C:/x",
)
LONG = ("a" * 201, "a/" * 300 + "a")


@pytest.mark.parametrize("path", [*TRICKY, *LONG, "ü", "manifest.json", "a\x00"])
def test_a_tricky_path_is_refused(path: str) -> None:
    """Paths that leave the folder, hide, or read differently elsewhere are not plain."""
    assert not manifest.is_plain_path(path)
    with pytest.raises(ValueError, match="plain relative path"):
        manifest.parse(encoded({**MODEL, "files": [FILE, {**FILE, "path": path}]}))


@pytest.mark.parametrize(
    ("text", "is_digest"),
    [("sha256:" + HEX, True), (HEX, False), ("sha256:" + HEX[1:], False), ("sha256:", False)],
)
def test_a_digest_has_one_form(text: str, *, is_digest: bool) -> None:
    """Only `sha256:` and 64 lower-case hex digits count as a digest."""
    assert manifest.is_digest(text) is is_digest
