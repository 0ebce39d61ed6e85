"""The ledger's sum is the providers' own, over cuts, retries, clients that leave, and kills."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx
import pytest

from simulator.config import Provider
from tests.e2e.edges import Gateway, digest_of, gateway, key_of, usage_rows
from tests.e2e.envoy_process import until

POLICY = """\
gatewright: v1
name: ledger
edge: {{ folder: edge, workers: 2 }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
  backup: {{ api: openai, url: "{{simulator}}/backup/v1", key: env:PROVIDER_KEY }}
  claude: {{ api: anthropic, url: "{{simulator}}/claude/v1", key: env:PROVIDER_KEY }}
prices:
  openai/gpt-4o-mini: {{ input: 1 USD/1M tokens, output: 3 USD/1M tokens }}
  backup/llama: {{ input: 2 USD/1M tokens, output: 5 USD/1M tokens }}
  claude/haiku: {{ input: 1 USD/1M tokens, output: 5 USD/1M tokens }}
models:
  fast:
    targets: [openai/gpt-4o-mini, backup/llama]
    fallback: {{ on: [rate_limited, overloaded, server_error, connect_failure] }}
  claude: {{ targets: [claude/haiku] }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
tenants:
  acme:
    keys: {{ ci: {acme} }}
    limits: [100M tokens/day]
    budget: 1000 USD/month
    teams: {{ search: {{ keys: {{ batch: {search} }} }} }}
  other: {{ keys: {{ ci: {other} }} }}
"""
KEYS = ("acme", "search", "other")
PROVIDERS = (
    Provider("openai", "openai"),
    Provider("backup", "openai"),
    Provider("claude", "anthropic"),
)
FAULTS = (
    ("ok", 60),
    ("openai=429", 8),
    ("openai=500", 6),
    ("openai=reset", 4),
    ("openai=cut:4", 6),
    ("openai=no_terminal", 2),
    ("claude=cut:5", 6),
    ("leave", 8),
)


def policy() -> str:
    digests = {name: digest_of(name) for name in KEYS}
    return POLICY.format(**digests)


async def one(client: httpx.AsyncClient, url: str, number: int, draw: random.Random) -> None:
    """Send one request of a random kind; what the client sees of it is another test's business."""
    [fault] = draw.choices([name for name, _ in FAULTS], [weight for _, weight in FAULTS])
    anthropic = fault.startswith("claude") or draw.random() < 0.3
    leaves = fault == "leave"
    stream = leaves or "cut" in fault or draw.random() < 0.5
    tokens = draw.randint(3, 30)
    headers = {"authorization": f"Bearer {key_of(draw.choice(KEYS))}"}
    if leaves:
        provider = "claude" if anthropic else "openai"
        headers["x-simulate"] = f"{provider}=ok:tokens=200:token_delay=0.01"
    elif fault != "ok":
        headers["x-simulate"] = fault
    prompt = [{"role": "user", "content": f"request {number} " + "word " * draw.randint(0, 40)}]
    body: dict[str, Any] = {"messages": prompt, "max_tokens": 200 if leaves else tokens}
    body |= {"model": "claude" if anthropic else "fast", "stream": stream}
    path = "/v1/messages" if anthropic else "/v1/chat/completions"
    with suppress(httpx.HTTPError):
        async with client.stream("POST", url + path, json=body, headers=headers) as answer:
            seen = 0
            async for piece in answer.aiter_bytes():
                seen += piece.count(b"data:")
                if leaves and seen >= 5:
                    return


async def many(gateway: Gateway, count: int, seed: int, events: dict[int, Any]) -> None:
    """Send so many requests, 24 at a time, over all edges; ``events`` happen at those numbers."""
    draw = random.Random(seed)
    numbers = iter(range(count))

    async def sender(client: httpx.AsyncClient) -> None:
        for number in numbers:
            if number in events:
                await asyncio.to_thread(events[number])
            await one(client, gateway.urls()[number % len(gateway.edges)], number, draw)

    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        await asyncio.gather(*(sender(client) for _ in range(24)))


def by_request(gateway: Gateway) -> dict[str, list[Any]]:
    """What the providers know, by the request's id."""
    found: dict[str, list[Any]] = {}
    for record in gateway.simulator.requests:
        found.setdefault(record.header("x-request-id") or "", []).append(record)
    return found


def check(gateway: Gateway, at_least: int) -> None:
    """Every request that a provider saw stands in the ledgers once, with what it billed."""
    gateway.simulator.wait_idle(60)

    def rows() -> list[dict[str, Any]]:
        return [row for edge in gateway.edges for row in usage_rows(edge)]

    until(lambda: len(rows()) >= _sent(gateway) >= at_least, "rows are missing", deadline=60)
    written = rows()
    count = _sent(gateway)
    assert len(written) == count
    ids = Counter(row["id"] for row in written)
    assert max(ids.values()) == 1
    seen = by_request(gateway)
    assert set(seen) <= set(ids)
    told = [row for row in written if row["told"]]
    assert len(told) > count / 2
    for row in told:
        *lost, bill = [one.billed for one in seen[row["id"]] if one.status == 200]
        # A worker that is killed takes the beginning of a stream along that it held: the chain
        # goes on, and what the client had is the last one's.
        assert len(lost) < row["attempts"]
        assert (row["input"], row["output"]) == (bill.input_tokens, bill.output_tokens), row
    for row in written:
        records = seen.get(row["id"], [])
        billed = sum(one.billed.output_tokens for one in records if one.status == 200)
        if row["told"] or row["status"] >= 400:
            continue
        # A client that leaves: a token may be on its way that the provider bills and Envoy has
        # not seen, or the other way round.
        assert abs(row["output"] - billed) <= 3, (row, billed)
    exact = sum(row["cost"] for row in told)
    prices = {"gpt-4o-mini": (1, 3), "llama": (2, 5), "haiku": (1, 5)}  # 1,000 nano-USD
    assert exact == sum(
        1_000 * (prices[row["served"]][0] * row["input"] + prices[row["served"]][1] * row["output"])
        for row in told
    )


@pytest.mark.slow
def test_the_ledger_is_what_the_providers_billed(tmp_path):
    """400 requests with faults through two edges, one of which is killed and started again."""
    with gateway(tmp_path, policy(), providers=PROVIDERS) as running:
        edge = running.edges[0]

        def crash() -> None:
            edge.kill()
            edge.start()
            until(lambda: _answers(running, edge), f"the edge does not come back: {edge.said}")

        asyncio.run(many(running, 400, 7, {}))
        crash()
        asyncio.run(many(running, 50, 8, {}))
        check(running, 450)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_requests_with_cuts_retries_and_kills(tmp_path):
    """Workers and ledgers are killed with -9 again and again; nothing is lost or doubled."""
    with gateway(tmp_path, policy(), providers=PROVIDERS) as running:

        def kill_a_child() -> None:
            for edge in running.edges:
                with suppress(ProcessLookupError):
                    os.kill(random.choice(edge.children()), signal.SIGKILL)

        events = dict.fromkeys(range(500, 10000, 700), kill_a_child)
        asyncio.run(many(running, 10_000, 11, events))
        check(running, 10_000)


def _answers(running: Gateway, edge: Any) -> bool:
    answer = httpx.get(
        edge.url() + "/v1/models", headers={"authorization": f"Bearer {key_of('acme')}"}
    )
    return answer.status_code == 200


def _sent(running: Gateway) -> int:
    """How many requests with an identity ended at the Envoys, by their own access logs."""
    count = 0
    for edge in running.edges:
        for line in edge.envoy.log.splitlines():
            if line.startswith("{") and json.loads(line).get("tenant"):
                count += 1
    return count
