"""Start of every role: `fetch`, `serve`, `job NAME`. Reads settings, sets up logs, maps exits."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence

from perennial_serving import settings as configuration
from perennial_serving.contract.results import (
    EXIT_CODES,
    EXIT_SETTINGS,
    Outcome,
    Reason,
    Result,
)
from perennial_serving.monitor import logs, termination
from perennial_serving.settings import Reading, Settings

_USAGE = "usage: python -m perennial_serving fetch | serve | job NAME"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one role to its end and return the exit code."""
    match arguments:
        case ["fetch" | "serve" as role]:
            return _configured(role, environment)
        case ["job", name]:
            from perennial_serving import jobs  # noqa: PLC0415  # heavy, and only this role's

            _read(environment, "job")
            return jobs.run(name, environment)
        case _:
            sys.stderr.write(f"{_USAGE}\n")
            return EXIT_SETTINGS


def _configured(role: str, environment: Mapping[str, str]) -> int:
    reading = _read(environment, role)
    if reading.findings:
        result = Result(Outcome.INVALID, Reason.SETTINGS_INVALID, "; ".join(reading.findings))
        for finding in reading.findings:
            logging.getLogger(__name__).error("%s", finding)
        termination.say(reading.settings.termination_log, result)
        return EXIT_SETTINGS
    sys.excepthook = termination.hook(reading.settings.termination_log)
    result = _run(role, reading.settings)
    if role == "fetch" or result.outcome is not Outcome.OK:
        termination.say(reading.settings.termination_log, result)
    return EXIT_CODES[result.outcome]


def _read(environment: Mapping[str, str], role: str) -> Reading:
    """Read the settings and set up logs; with wrong settings, logs at the default level."""
    reading = configuration.read(environment, role)
    settings = Settings() if reading.findings else reading.settings
    logs.set_up(settings.log_level)
    return reading


def _run(role: str, settings: Settings) -> Result:
    if role == "fetch":
        from perennial_serving.fetch import role as fetch  # noqa: PLC0415  # see below

        return termination.ended(lambda: fetch.run(settings))
    from perennial_serving.web import process  # noqa: PLC0415  # a role imports only what it runs

    return termination.ended(lambda: process.run(settings))


if __name__ == "__main__":
    code = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    os._exit(code)  # a model run that hangs in its thread must not keep the process alive
