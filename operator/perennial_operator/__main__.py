"""Start of the operator image: `operate` (default) or `agent`, the part beside Envoy."""

import sys
from collections.abc import Sequence

EXIT_USAGE = 64


def main(arguments: Sequence[str]) -> int:
    """Run the role that the arguments name; each imports only what it needs."""
    match list(arguments):
        case [] | ["operate"]:
            from perennial_operator.handlers import host  # noqa: PLC0415  # kopf takes a second

            return host.main()
        case ["agent"]:
            from perennial_operator.router import start  # noqa: PLC0415  # the agent needs no kopf

            return start.main()
        case _:
            sys.stderr.write("usage: python -m perennial_operator [operate | agent]\n")
            return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
