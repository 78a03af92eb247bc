"""`python -m perennial_sandbox.node --config node.json`: run the node in the foreground."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from perennial_sandbox.node import agent, settings


def main(words: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    parser = argparse.ArgumentParser(prog="perennial_sandbox.node", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the node's settings, JSON")
    config = parser.parse_args(words).config
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        found = settings.read(config)
    except settings.SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the caller's terminal
        return 1
    asyncio.run(agent.run(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
