"""Steps that run to completion: `run(name)` reads PERENNIAL_STEP and ends with one message.

check_data, lay_in, train, upload, harvest, compare: one module a step, each a function of its
document and a workplace. publish: the verb that packs a model by hand. data: rows. packing: files.
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from perennial_serving import settings as configuration
from perennial_serving.contract.results import (
    EXIT_CODES,
    EXIT_SETTINGS,
    Outcome,
    Reason,
    Result,
    as_payload,
)
from perennial_serving.jobs import step
from perennial_serving.jobs.step import IN, OUT, Workplace
from perennial_serving.monitor import termination
from perennial_serving.settings import Settings

MODULES: Mapping[str, str] = {
    "check": "check_data",
    "inputs": "lay_in",
    "train": "train",
    "upload": "upload",
    "harvest": "harvest",
    "compare": "compare",
}
WAITING = "upload"


def run(name: str, environment: Mapping[str, str] | None = None) -> int:
    """Run one step to its end, say how it ended, and return the exit code."""
    environment = os.environ if environment is None else environment
    reading = configuration.read(environment, "job")
    findings = [*reading.findings]
    if name not in MODULES:
        findings.append(f"{name} is no step; use one of {', '.join(MODULES)}")
    log = reading.settings.termination_log
    if findings:
        result = Result(Outcome.INVALID, Reason.SETTINGS_INVALID, "; ".join(findings), step=name)
        termination.say(log, result)
        return EXIT_SETTINGS
    sys.excepthook = termination.hook(log)
    place = workplace(reading.settings, environment)
    if name == WAITING:
        place = replace(place, is_over=_told_to_stop())
    result = performed(name, environment.get("PERENNIAL_STEP", "{}"), place)
    termination.say(log, result)
    if result.reason == Reason.SETTINGS_INVALID:
        return EXIT_SETTINGS
    return EXIT_CODES[result.outcome]


def workplace(settings: Settings, environment: Mapping[str, str]) -> Workplace:
    """Return where a step works, from the settings."""
    return Workplace(
        inputs=Path(environment.get("PERENNIAL_IN", IN)),
        outputs=Path(environment.get("PERENNIAL_OUT", OUT)),
        credentials=settings.credentials_dir,
        allowed_hosts=settings.allowed_hosts,
        allow_private_networks=settings.allow_private_networks,
        max_model_bytes=settings.max_model_bytes,
        allow_unsafe_formats=settings.allow_unsafe_formats,
        threads=configuration.thread_count(settings),
    )


def performed(name: str, text: str, place: Workplace) -> Result:
    """Run a step with its document and return its result, also of an error of ours."""
    module = importlib.import_module(f"{__name__}.{MODULES[name]}")
    started = time.monotonic()

    def work() -> Result:
        document = step.document(text, module.Document)
        with threadpool_limits(limits=place.threads):
            payload = module.run(document, place)
        found = {} if payload is None else as_payload(payload)
        return Result(Outcome.OK, Reason.OK, seconds=time.monotonic() - started, payload=found)

    return replace(termination.ended(work), step=name)


def _told_to_stop() -> step.Wait:
    """Return a wait that ends early, and says so, once the Pod is told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    return stop.wait
