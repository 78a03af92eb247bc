"""The supervisor's process: waits until it is the only one, then keeps the parts alive."""

import argparse
import logging
import os
import signal
from pathlib import Path

from perennial_sandbox import locks
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import SUPERVISOR
from perennial_sandbox.supervisor import launch, loop
from perennial_sandbox.supervisor.loop import Keeper


def main(words: list[str] | None = None) -> None:
    """Run until the sandbox is to stop."""
    parser = argparse.ArgumentParser(prog="python -m perennial_sandbox.supervisor")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--standby", action="store_true", help="started by another supervisor")
    options = parser.parse_args(words)
    # A shell ignores it for what runs in its background; Pods must not inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    layout = Layout(options.directory)
    held = locks.wait_for(layout.lock(SUPERVISOR))
    if options.standby:
        os.close(launch.own_lock())  # this process is another part now
    try:
        loop.run(layout, Keeper(layout))
    finally:
        os.close(held)


if __name__ == "__main__":
    main()
