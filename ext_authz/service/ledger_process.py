"""The ledger's process: `python -m ext_authz.service.ledger_process OPTIONS`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import uvloop

from ext_authz.ledger.run import run_ledger
from ext_authz.service.handed import read_secrets
from ext_authz.service.lifeline import follow_stdin
from ext_authz.service.logs import log_to_stderr
from ext_authz.service.options import Options, read_options
from ext_authz.service.stores import open_counters
from ext_authz.service.worker import stopping
from ext_authz.subscription.follow import follow
from ext_authz.subscription.last_good import LastGood
from ext_authz.subscription.served import Served


async def write(options: Options, secrets: Mapping[str, str]) -> None:
    """Settle and write down what the usage log tells, until a signal comes."""
    stop = stopping()
    served = replace(LastGood(options.served_folder).load(), secrets=secrets)

    def take(new: Served) -> None:
        nonlocal served
        served = new

    following = asyncio.create_task(follow(options.source, served, take, stop=stop))
    try:
        await run_ledger(
            lambda: served.rules,
            Path(options.folder),
            Path(options.state),
            lambda name: served.secret(name),  # noqa: PLW0108 - of what is served by then
            lambda rules: open_counters(rules, Path(options.state), served.secret),
            stop,
        )
    finally:
        stop.set()
        await following


def main() -> None:
    """Run it."""
    (text,) = sys.argv[1:]
    log_to_stderr("ledger")
    secrets = read_secrets()
    follow_stdin(lambda: os._exit(1))
    uvloop.run(write(read_options(text), secrets))


if __name__ == "__main__":
    main()
