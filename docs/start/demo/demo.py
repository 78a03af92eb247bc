"""The main job in front of your eyes: serve, canary, rollback, retrain, approve, promote.

Run it by `make demo`; with `--keep` the sandbox stays and the addresses are printed.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cluster
import models
import numpy as np
import skops.io
from cluster import Sandbox
from load import Load
from screen import Screen

REQUESTS_PER_SECOND = 25.0
POLL_SECONDS = 0.5
AT_REST = ("Stable", "RolledBack")
PODS_OWN = Path("/tmp")  # noqa: S108  # every Pod mounts a folder of its own there
MODEL = "digits"
RUN = "digits-all-rows"
Document = dict[str, Any]


class StoryError(RuntimeError):
    """Something went another way than it should; the message says what."""


class Demo:
    """One run of the demonstration, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Prepare rows and labels; start nothing."""
        self.folder = folder
        self.store = folder / "store"
        self.rows = models.load_rows()
        self.screen = Screen()
        self.labels: dict[str, np.ndarray] = {}
        self.good: dict[str, str] = {}
        self.sandbox: Sandbox | None = None
        self.load: Load | None = None

    @property
    def cluster(self) -> Sandbox:
        """The running sandbox."""
        if self.sandbox is None:
            message = "the sandbox does not run yet"
            raise StoryError(message)
        return self.sandbox

    async def tell(self) -> None:
        """Tell the whole story, under load from the first answer to the last."""
        await self.start()
        await self.serve_first()
        async with asyncio.TaskGroup() as group:
            load = await self.start_load()
            task = group.create_task(load.run())
            try:
                await self.canary()
                await self.rollback()
                await self.retrain()
            finally:
                load.stop()
                await asyncio.gather(task, return_exceptions=True)
        await self.finish()

    async def start(self) -> None:
        """Bring up Kubernetes and the operator, and write the rows."""
        self.screen.chapter("A real Kubernetes control plane, on this host")
        self.sandbox = await cluster.start(self.folder / "sandbox")
        self.screen.say(f"kubeconfig: {self.cluster.kubeconfig}")
        models.write_table(self.rows, self.folder / "rows.parquet")
        models.write_sample(self.rows, self.folder / "sample.parquet", count=500)

    async def publish(self, name: str, count: int) -> dict[str, str]:
        """Train on the first rows, publish, and remember what the model answers."""
        model = models.fit(self.rows, count)
        path = self.folder / f"{name}.skops"
        models.save(model, path)
        found = await cluster.publish(path, self.store, sample=self.folder / "sample.parquet")
        self.labels[found["digest"]] = model.predict(self.rows.features)
        share = (self.labels[found["digest"]] == self.rows.labels).mean()
        self.screen.say(
            f"perennial publish {name}.skops: {found['digest'][:19]}..., {share:.1%} right"
        )
        return found

    async def apply_model(self, found: dict[str, str], *, is_shown: bool = False) -> None:
        """Apply the ModelDeployment with this model."""
        text = cluster.manifest("model.yaml", MODEL_URI=found["uri"])
        if is_shown:
            self.screen.code(text)
        await self.cluster.apply(text)

    async def serve_first(self) -> None:
        """Deploy v1, trained on few rows."""
        self.screen.chapter(f"v1: a first model from {models.EARLY_ROWS} rows")
        found = await self.publish("v1", models.EARLY_ROWS)
        await self.apply_model(found, is_shown=True)
        await self.until(lambda md: is_true(md, "Ready"), "v1 to be Ready")

    async def start_load(self) -> Load:
        """Begin to predict through the router."""
        url = await self.cluster.service_url(MODEL)
        self.load = Load(
            f"{url}/v2/models/{MODEL}/infer",
            self.rows.features,
            expected=self.expected,
            rate=REQUESTS_PER_SECOND,
        )
        self.screen.say(
            f"{REQUESTS_PER_SECOND:.0f} predictions a second through {url}, each checked"
        )
        return self.load

    async def expected(self, revision: str) -> np.ndarray:
        """Return what a revision's model answers, by row; retrained ones are loaded natively."""
        document = await self.cluster.get("controllerrevision", revision)
        model = document["data"]["projection"]["model"]
        if model["digest"] not in self.labels:
            path = Path(model["uri"].removeprefix("file://")) / "source.skops"
            loaded = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
            self.labels[model["digest"]] = loaded.predict(models.table(self.rows))
        return self.labels[model["digest"]]

    async def canary(self) -> None:
        """Roll out v2 step by step."""
        self.screen.chapter(
            f"v2: {models.LATER_ROWS} rows, through a canary of 10, then 50 percent"
        )
        self.good = found = await self.publish("v2", models.LATER_ROWS)
        await self.apply_model(found)
        await self.promotion(found["digest"], "v2")

    async def promotion(self, digest: str, what: str) -> None:
        """Wait until the stable revision is the one with this digest."""
        before = (await self.cluster.get("modeldeployment", MODEL))["status"]["revisions"]["stable"]

        def is_promoted(md: Document) -> bool:
            return is_at_rest(md) and md["status"]["revisions"]["stable"] != before

        md = await self.until(is_promoted, f"{what} to be promoted")
        stable = md["status"]["revisions"]["stable"]
        revision = await self.cluster.get("controllerrevision", stable)
        if revision["data"]["projection"]["model"]["digest"] != digest:
            message = f"{stable} was promoted, which is not {what}"
            raise StoryError(message)
        self.screen.say(f"promoted: {stable} serves everything")

    async def rollback(self) -> None:
        """Try v3, which cannot predict: no user meets it."""
        self.screen.chapter("v3: loads, but cannot predict")
        path = self.folder / "v3.onnx"
        models.write_broken(path, features=self.rows.features.shape[1])
        found = await cluster.publish(path, self.store)
        await self.apply_model(found)
        md = await self.until(
            lambda md: md["status"]["rollout"].get("completion") == "RolledBack",
            "the rollback of v3",
        )
        self.screen.say(f"rolled back by itself: {condition(md, 'Stalled')['message']}")
        self.screen.say("its author takes it back, as in Git: the YAML names v2 again")
        await self.apply_model(self.good)
        await self.until(is_at_rest, "v2 to be all that is asked for")

    async def retrain(self) -> None:
        """Train on all rows, let another person approve, and roll it out."""
        self.screen.chapter("RetrainJob: all rows, compared with v2 on rows held out")
        values = {
            "DATA_URI": f"file://{self.folder}/rows.parquet",
            "STORE_URI": f"file://{self.store}",
        }
        await self.cluster.apply(cluster.manifest("retrain.yaml", **values))
        run = await self.until_run(lambda rj: rj["status"].get("state") == "AwaitingApproval")
        for metric in run["status"]["validation"]["metrics"]:
            self.screen.say(
                f"{metric['name']}: challenger {metric['challenger']}, "
                f"champion {metric['champion']}: {metric['verdict']}"
            )
        await self.approve(run)
        await self.promotion(run["status"]["candidate"]["digest"], "the challenger")
        await self.until_run(lambda rj: is_true(rj, "Complete"))
        self.screen.say("spec is unchanged: Git stays green")

    async def approve(self, run: Document) -> None:
        """Decide as another person than the one who asked."""
        text = cluster.manifest(
            "approve.yaml",
            ATTEMPT=str(run["status"]["candidate"]["attempt"]),
            EVIDENCE_DIGEST=run["status"]["validation"]["evidenceDigest"],
        )
        self.screen.say("a Decision by another person, bound to this evidence:")
        self.screen.code(text)
        await self.cluster.apply(text, user="approver")

    async def finish(self) -> None:
        """Print the history, and fail on a lost or wrong answer."""
        self.screen.chapter("History")
        self.screen.code(
            await self.cluster.show("get", "controllerrevisions,retrainjobs,decisions")
        )
        self.screen.code(await self.cluster.show("get", "modeldeployments"))
        tally = self.load.tally if self.load else None
        if tally is None or tally.lost or tally.wrong or tally.right != tally.sent:
            message = f"answers were lost or wrong: {tally}"
            raise StoryError(message)
        self.screen.say(f"[green]{tally.right} answers, 0 lost, 0 wrong[/green]")

    async def until(self, wanted: Callable[[Document], bool], what: str) -> Document:
        """Return the ModelDeployment once it is as wanted, drawing the table meanwhile."""
        return await self._until(f"modeldeployment/{MODEL}", wanted, what)

    async def until_run(self, wanted: Callable[[Document], bool]) -> Document:
        """Return the RetrainJob once it is as wanted; a failed one ends the story."""

        def checked(run: Document) -> bool:
            if is_true(run, "Failed"):
                raise StoryError(condition(run, "Failed")["message"])
            return wanted(run)

        return await self._until(f"retrainjob/{RUN}", checked, "the run")

    async def _until(self, name: str, wanted: Callable[[Document], bool], what: str) -> Document:
        last = ""
        with self.screen.watching():
            for _ in range(int(180 / POLL_SECONDS)):
                found = await self.cluster.get(name)
                if "status" in found and wanted(found):
                    return found
                last = await self._draw(found, last)
                await asyncio.sleep(POLL_SECONDS)
        message = f"waited in vain for {what}:\n{await self.cluster.show('describe', name)}"
        raise StoryError(message)

    async def _draw(self, found: Document, last: str) -> str:
        md = await self.cluster.get("modeldeployment", MODEL)
        pods = await self.cluster.get("pods", labels="app.kubernetes.io/component=predictor")
        if self.load:
            self.screen.update(md, pods["items"], self.load.tally)
        now = stage(found)
        if now and now != last:
            self.screen.say(now)
        return now or last


def condition(document: Document, kind: str) -> Document:
    """Return a condition, an empty one if it is absent."""
    found = [each for each in document["status"].get("conditions", []) if each["type"] == kind]
    return found[0] if found else {"status": "", "message": ""}


def is_true(document: Document, kind: str) -> bool:
    """Whether a condition is True for the newest spec."""
    is_current = document["status"].get("observedGeneration") == document["metadata"]["generation"]
    return bool(condition(document, kind)["status"] == "True" and is_current)


def is_at_rest(md: Document) -> bool:
    """Whether no attempt is under way and what is asked for serves."""
    return bool(md["status"].get("rollout", {}).get("state") == "Stable" and is_true(md, "Ready"))


def stage(document: Document) -> str:
    """Say in a few words where an object stands."""
    status = document.get("status", {})
    rollout = status.get("rollout")
    if rollout is None:
        return f"run: {status.get('state', '')}"
    if "state" not in rollout:
        return "the digest is being resolved by a Job"
    if rollout["state"] in AT_REST:
        return ""
    where = f"{rollout['state']} {rollout.get('stage', '')}".strip()
    share = rollout.get("intent", {}).get("weights", {}).get("candidate", 0) // 100
    return f"rollout: {where}, candidate {share} %"


def new_folder() -> Path:
    """Return a folder of this run that Pods see at the same path."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    if PODS_OWN in state.parents:
        sys.exit(f"XDG_STATE_HOME is below {PODS_OWN}: set it to another folder, or unset it")
    (state / "perennial").mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-", dir=state / "perennial"))


async def main() -> int:
    """Run the demonstration and clean up, unless asked to keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the sandbox running")
    arguments = parser.parse_args()
    folder = new_folder()
    demo = Demo(folder)
    failures: list[str] = []
    try:
        await demo.tell()
    except* (StoryError, cluster.CommandFailedError) as errors:
        failures = [str(error) for error in errors.exceptions]
    finally:
        await end(demo, is_kept=arguments.keep)
    for failure in failures:
        demo.screen.console.print(f"The demonstration failed: {failure}", style="red", markup=False)
    return 1 if failures else 0


async def end(demo: Demo, *, is_kept: bool) -> None:
    """Remove everything, or say where it is."""
    if is_kept and demo.sandbox:
        demo.screen.say(f"model: {await demo.cluster.service_url(MODEL)}/v2/models/{MODEL}")
        demo.screen.say(f"export KUBECONFIG={demo.cluster.kubeconfig}")
        demo.screen.say(f"remove it: perennial sandbox down --directory {demo.cluster.directory}")
        return
    if demo.sandbox:
        await demo.sandbox.down()
    shutil.rmtree(demo.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
