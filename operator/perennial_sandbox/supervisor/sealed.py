"""Runs a module of ours as a part, and keeps the part's lock from the processes that it starts.

A Pod that inherited the lock would look like a node that lives.
"""

import os
import runpy
import sys

from perennial_sandbox.supervisor import launch


def main(words: list[str] | None = None) -> None:
    """Seal the lock, then become the module that the first word names."""
    os.set_inheritable(launch.own_lock(), False)  # noqa: FBT003  # the standard library's signature
    sys.argv = sys.argv[1:] if words is None else words
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
