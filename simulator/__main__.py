"""`python -m simulator`: a simulator as a process of its own, for tests and benchmarks.

Prints one line of JSON once it listens (`port`, `control`, `urls` by provider) and serves until
SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import sys

from simulator.options import add_options, read_config
from simulator.running import Simulator, run_until_signalled


def describe(simulator: Simulator) -> dict[str, object]:
    """What the ready line says."""
    return {
        "ready": True,
        "port": simulator.port,
        "control": simulator.control_url,
        "urls": simulator.urls(),
    }


def _announce(simulator: Simulator) -> None:
    print(json.dumps(describe(simulator)), flush=True)  # noqa: T201 - the ready line


def main(argv: list[str] | None = None) -> int:
    """Serve until signalled; 2 when the options are wrong, 1 when a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add_options(parser, default_port=0)
    args = parser.parse_args(argv)
    try:
        config = read_config(args)
    except ValueError as error:
        parser.error(str(error))
    try:
        run_until_signalled(config, _announce)
    except OSError as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201 - a command's own message
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
