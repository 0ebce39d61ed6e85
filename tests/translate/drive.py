"""Drives an exchange by hand: a request to ask with, and an answer's bytes cut as one likes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.exchange import Exchange
from ext_authz.translate.target import Target
from ext_authz.translate.translator import translate
from tests.translate.facts import compact
from tests.translate.wire_formats import JSON
from xds.edge.pairs import ClientApi, Provider

MOMENT = Moment(1_700_000_000.0, "tok")
MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "anthropic_vertex": "claude-sonnet-4-5@20250929",
    "anthropic_bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "gemini": "gemini-2.5-flash",
    "gemini_vertex": "gemini-2.5-flash",
    "cohere": "command-a-03-2025",
    "mistral": "mistral-large-latest",
}


def target(provider: str, **more: Any) -> Target:
    return Target(
        Provider(provider),
        more.pop("model", MODELS.get(provider, "gpt-4o-mini")),
        project=more.pop("project", "proj"),
        location=more.pop("location", "us-east5"),
        **more,
    )


def question(client: str, *, stream: bool, **more: Any) -> bytes:
    """The simplest request of a client."""
    body: dict[str, Any] = {"model": "alias", **more}
    if stream:
        body["stream"] = True
    if client in ("chat", "completions") and stream:
        body["stream_options"] = {"include_usage": True}
    if client == "completions":
        body["prompt"] = "?"
    elif client == "responses":
        body["input"] = "?"
    else:
        body["messages"] = [{"role": "user", "content": "?"}]
    if client == "messages":
        body["max_tokens"] = 100
    return compact(body).encode()


def ask(client: str, provider: str, *, stream: bool, **more: Any) -> Exchange:
    body = question(client, stream=stream, **more)
    return translate(ClientApi(client), target(provider), body, {}, MOMENT)


def answer(
    exchange: Exchange,
    body: bytes | Iterable[bytes],
    *,
    status: int = 200,
    kind: str = JSON,
    headers: dict[str, str] | None = None,
) -> tuple[Any, bytes]:
    """Feed an answer; give the client's head and all of its bytes."""
    machine = exchange.machine
    head = machine.head(status, {"content-type": kind, **(headers or {})})
    pieces = [body] if isinstance(body, bytes) else body
    out = b"".join([machine.feed(piece) for piece in pieces]) + machine.end()
    return head or machine.final, out
