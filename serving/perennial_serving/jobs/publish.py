"""The verb `perennial publish`, and `publish_model` for Python: a model becomes an artifact.

Light to import: the list of verbs reads this file. The work is in `packing/publication`.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from perennial_serving.errors import PerennialError
from perennial_serving.fetch.access import CREDENTIAL_KEYS, Access

AUTO = "Auto"
FORMATS = (AUTO, "onnx", "skops")


@dataclass(frozen=True, slots=True)
class Published:
    """Where the artifact is and what names it; `note` says why it was not converted."""

    uri: str
    digest: str
    format: str
    size_bytes: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How to publish: a demanded format, a name for people, and whether pickles may be used."""

    format: str = AUTO
    name: str = ""
    allow_unsafe_formats: bool = False


def publish_model(
    estimator: Any,  # noqa: ANN401  # scikit-learn has no types
    sample: Any,  # noqa: ANN401  # a data frame, a matrix, or columns by name
    to: str,
    *,
    options: Options = Options(),
    access: Access | None = None,
) -> Published:
    """Publish a fitted scikit-learn estimator below the prefix `to`.

    `sample` holds rows of the training data: a data frame, a matrix, or columns by name. With None
    nothing can be proved, so the model is served as trained.
    """
    from perennial_serving.jobs.packing import publication  # noqa: PLC0415  # heavy

    packed = publication.packed_estimator(estimator, publication.sample_of(sample), options)
    return publication.published(packed, to, access or Access())


@click.command("publish", short_help="Pack a model with its proof and publish it by its digest.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", required=True, metavar="URI", help="Prefix of the store (file or s3).")
@click.option(
    "--sample",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="ROWS",
    help="Rows of the training data (.parquet, .csv, .jsonl), to prove the conversion on.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default=AUTO,
    show_default=True,
    help="Auto converts to ONNX if that is proved; a named format is demanded.",
)
@click.option("--name", default="", help="Name of the model, noted in its run.json.")
@click.option(
    "--allow-unsafe-formats",
    is_flag=True,
    help="Load .joblib and .pkl files, which can run any code of their author.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def command(model: Path, **given: Any) -> None:  # noqa: ANN401  # click's values
    """Pack MODEL (.onnx, .skops, .joblib, .pkl), publish it, print its URI and digest.

    The artifact holds the model, its signature, rows to warm up with and the record of its
    conversion. A scikit-learn model is converted to ONNX if that answers alike on the sample's
    rows, and is served as it is if not.

    Stores get their keys from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_REGION, AWS_ENDPOINT_URL.

    \b
    Example:
      perennial publish digits.skops --sample digits.parquet --to s3://models/digits
    """  # noqa: D301  # \b is click's mark for a paragraph that keeps its lines
    from perennial_serving.jobs.packing import publication  # noqa: PLC0415  # heavy

    options = Options(given["format_name"], given["name"], given["allow_unsafe_formats"])
    try:
        packed = publication.packed_file(model, given["sample"], options)
        found = publication.published(packed, given["to"], access_of(os.environ))
    except PerennialError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(asdict(found)) if given["output"] == "json" else _text(found))


def access_of(environment: Mapping[str, str]) -> Access:
    """Return what the person at the keyboard may open: their keys, and their own endpoint."""
    credentials = {key: environment[key] for key in CREDENTIAL_KEYS if environment.get(key)}
    endpoint = credentials.get("AWS_ENDPOINT_URL", "")
    parts = urlsplit(endpoint)
    host = parts.netloc if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}"
    return Access(
        allowed_hosts=(host,) if endpoint else (),
        allow_private_networks=True,
        credentials=credentials,
    )


def _text(found: Published) -> str:
    lines = [f"uri:    {found.uri}", f"digest: {found.digest}", f"format: {found.format}"]
    if found.note:
        lines.append(f"not converted: {found.note}")
    return "\n".join(lines)
