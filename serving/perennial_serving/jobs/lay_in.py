"""Step `inputs`, the trainer Pod's init container: lays out what a trainer reads.

The train rows, `run.json` and `parameters.json`; never a held-out row.
"""

import msgspec

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs import check_data, step
from perennial_serving.jobs.step import Workplace

CONFIG = "config"
RUN = "run.json"
PARAMETERS = "parameters.json"


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The step's input."""

    run_id: str
    output: str


def run(document: Document, workplace: Workplace) -> None:
    """Write the trainer's input folder."""
    store = workplace.store(f"{step.run_place(document.output, document.run_id)}/in")
    rows = step.read(store, check_data.TRAIN)
    target = workplace.inputs / check_data.TRAIN
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(rows)
    for name in (RUN, PARAMETERS):
        mounted = workplace.inputs / CONFIG / name
        if not mounted.is_file():
            message = f"the run's {name} is not mounted"
            raise Invalid(Reason.SETTINGS_INVALID, message)
        (workplace.inputs / name).write_bytes(mounted.read_bytes())
