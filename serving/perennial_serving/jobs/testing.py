"""A whole retraining run in one folder, step by step, for tests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.utils import Bunch

from perennial_serving import jobs
from perennial_serving.contract import results
from perennial_serving.contract.results import (
    CheckPayload,
    ComparePayload,
    HarvestPayload,
    Outcome,
    Result,
)
from perennial_serving.jobs.step import Workplace

CLASSIFICATION = "classification"
REGRESSION = "regression"


def table_of(data: Bunch, *, rows: int | None = None) -> pa.Table:
    """Return one of scikit-learn's bundled data sets as a table with the label `target`."""
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    order = np.random.default_rng(0).permutation(len(data.target))[:rows]
    columns = dict(zip(names, np.asarray(data.data)[order].T, strict=True))
    return pa.table({**columns, "target": np.asarray(data.target)[order]})


@dataclass(frozen=True)
class Run:
    """One run: its folder holds source, output and the trainer's Pod."""

    folder: Path
    task: str = CLASSIFICATION
    run_id: str = "run-1"
    attempt: int = 1
    champion: HarvestPayload | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: {"label": "target"})
    split: Mapping[str, str] = field(default_factory=lambda: {"strategy": "Random"})
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Return the output's URI."""
        return f"file://{self.folder}/output"

    @property
    def store(self) -> Path:
        """Return the output's folder."""
        return self.folder / "output"

    @property
    def workplace(self) -> Workplace:
        """Return the folders of this run's Pods; nothing may be waited for."""
        pod = self.folder / "pods" / self.run_id
        return Workplace(
            inputs=pod / "in", outputs=pod / "out", credentials=self.folder / "credentials"
        )

    def with_rows(self, table: pa.Table) -> "Run":
        """Write the source."""
        (self.folder / "source").mkdir(parents=True, exist_ok=True)
        pq.write_table(table, self.folder / "source/rows.parquet")
        (self.folder / "output").mkdir(exist_ok=True)
        return self

    def step(self, name: str, **document: Any) -> Result:  # noqa: ANN401  # values of a JSON document
        """Run one step with the documents' usual keys, changed by those given."""
        known = {
            "runId": self.run_id,
            "attempt": self.attempt,
            "output": self.output,
            "columns": {**dict.fromkeys(("time", "group", "id", "weight"), ""), **self.columns},
            "task": self.task,
            "championUri": self.champion.uri if self.champion else "",
            "championDigest": self.champion.digest if self.champion else "",
        }
        return jobs.performed(name, json.dumps({**known, **document}), self.workplace)

    def check(self, **document: Any) -> CheckPayload:  # noqa: ANN401  # see above
        """Run `check` to its good end."""
        source = {"uri": f"file://{self.folder}/source", "version": "", "format": "Auto"}
        known = {"modelUid": "uid", "source": source, "split": self.split, "maxBytes": 2**30}
        return results.check_payload(good(self.step("check", **{**known, **document})).payload)

    def lay_in(self) -> None:
        """Mount the run's documents and run `inputs`."""
        config = self.workplace.inputs / "config"
        config.mkdir(parents=True, exist_ok=True)
        recipe = {"name": f"tabular-{self.task}", "version": "1"}
        asked = {"v": 1, "columns": self.columns, "recipe": recipe, "seed": 7, "features": []}
        (config / "run.json").write_text(json.dumps({**asked, "runId": self.run_id}))
        (config / "parameters.json").write_text(json.dumps(dict(self.parameters)))
        good(self.step("inputs"))

    def train(self) -> None:
        """Run the recipe and hand back what it wrote."""
        good(self.step("train"))
        good(self.step("upload"))

    def harvest(self, **document: Any) -> HarvestPayload:  # noqa: ANN401  # see above
        """Run `harvest` to its good end."""
        return results.harvest_payload(good(self.step("harvest", **document)).payload)

    def compare(self, candidate: HarvestPayload, **document: Any) -> ComparePayload:  # noqa: ANN401  # see above
        """Run `compare` to its good end."""
        known = {
            "candidateUri": candidate.uri,
            "candidateDigest": candidate.digest,
            "goal": "NonInferior",
            "alpha": 0.05,
            "metrics": [],
        }
        return results.compare_payload(good(self.step("compare", **{**known, **document})).payload)

    def trained(self) -> HarvestPayload:
        """Run all steps up to the candidate."""
        self.check()
        self.lay_in()
        self.train()
        return self.harvest()

    def again(self, run_id: str, **changes: Any) -> "Run":  # noqa: ANN401  # see above
        """Return another run of the same model on the same source."""
        return replace(self, run_id=run_id, **changes)


def good(result: Result) -> Result:
    """Return the result of a step that ended well, as the operator reads it."""
    if result.outcome is not Outcome.OK:
        message = f"{result.step}: {result.reason}: {result.message}"
        raise AssertionError(message)
    return results.parse(result.encode()) or result
