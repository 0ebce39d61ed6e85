"""A worker: `python -m ext_authz.service.worker NUMBER OPTIONS`, under the supervisor.

It serves from the disk at once where something was kept, and follows the control plane by itself.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import uvloop

from ext_authz.admission.estimate import o200k
from ext_authz.latency.latencies import Latencies
from ext_authz.latency.watch import Watch
from ext_authz.service.attempts import Attempts
from ext_authz.service.desk import Desk
from ext_authz.service.handed import read_secrets
from ext_authz.service.lifeline import follow_stdin
from ext_authz.service.logs import log_to_stderr
from ext_authz.service.metrics import tell_metrics
from ext_authz.service.options import Options, read_options
from ext_authz.service.server import serve
from ext_authz.service.stores import open_counters
from ext_authz.service.tally import Tally
from ext_authz.subscription.follow import follow
from ext_authz.subscription.last_good import LastGood
from ext_authz.subscription.served import Served
from xds.edge.paths import USAGE_LOG, worker_socket

GRACE: Final = 2.0
"""Seconds that questions have to be answered after the worker was told to stop."""
PATIENCE: Final = 5.0
"""Seconds that a worker waits for secrets that its rules speak of. Meanwhile others are asked."""


async def work(number: int, options: Options, secrets: Mapping[str, str]) -> None:
    """Answer questions until a signal comes; ``secrets`` are those that the supervisor knows."""
    stop = stopping()
    tally = Tally()
    served = replace(LastGood(options.served_folder).load(), secrets=secrets)

    def latest() -> Served:
        return served

    latencies = Latencies(time.time, Random().random)  # noqa: S311 - chance, and no secret
    watch = Watch(Path(options.folder) / USAGE_LOG, latencies)
    desk = Desk(
        lambda rules: open_counters(rules, Path(options.state), latest().secret),
        tally,
        latencies=latencies,
    )

    attempts = Attempts(tally)

    def take(new: Served) -> None:
        nonlocal served
        served = new
        desk.take(new)
        attempts.take(new)
        watch.adjust()

    take(served)
    tokenizer = asyncio.create_task(asyncio.to_thread(o200k))
    socket = Path(options.folder) / worker_socket(number)
    following = asyncio.create_task(follow(options.source, served, take, stop=stop))
    server = None
    metrics = tell_metrics(tally.registry, options.metrics and options.metrics + number)
    try:
        end = time.monotonic() + PATIENCE
        while served.waits and not (desk.ready and time.monotonic() > end) and not stop.is_set():
            # Nothing was ever served, or not all: a socket would promise what nobody can keep.
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.02)
        await tokenizer
        await desk.prepare()
        gc.collect()
        gc.freeze()
        server = await serve(desk, attempts, socket)
        await stop.wait()
    finally:
        if server is not None:
            await server.stop(GRACE)
            socket.unlink(missing_ok=True)
        stop.set()
        await following
        watch.close()
        await desk.close()
        if metrics is not None:
            metrics()


def stopping() -> asyncio.Event:
    """Give an event that SIGTERM sets; SIGINT does not."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # The terminal's Ctrl-C is for the supervisor, which then says so to all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return stop


def main() -> None:
    """Run it."""
    number, text = sys.argv[1:]
    log_to_stderr(f"worker {number}")
    secrets = read_secrets()
    follow_stdin(lambda: os._exit(1))  # at once: nobody is left who could tell it to
    uvloop.run(work(int(number), read_options(text), secrets))


if __name__ == "__main__":
    main()
