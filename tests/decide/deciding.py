"""Policies for tests of what is decided, and requests to them, in few words."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.trace import Trace
from compiler.decide.world import Answer, World
from compiler.pipeline import compile_sources
from compiler.plan import Plan
from compiler.read import sources_of

JSON = ("content-type", "application/json")
KEYS = {"corp.jwks.json": '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}'}

POLICY = """\
gatewright: v1
name: edge
listeners: { public: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: [127.0.0.1:9] } }
providers:
  a: { api: openai, url: http://127.0.0.1:1/v1, key: env:K }
  b: { api: anthropic, url: http://127.0.0.1:2/v1, key: env:K }
  c: { api: azure, url: http://127.0.0.1:3, key: env:K, cool_down: { after: 1, for: 1h } }
  m: { api: mistral, url: http://127.0.0.1:4/v1, key: env:K, cool_down: { after: 1, for: 1h } }
prices: { a/x: { input: 1 USD/1M tokens, output: 2 USD/1M tokens } }
"""


@cache
def plan(text: str) -> Plan:
    """The plan of the policy with these further lines."""
    whole = POLICY + text
    if "\nlisteners:" in f"\n{text}":
        whole = (
            "\n".join(x for x in POLICY.splitlines() if not x.startswith("listeners")) + f"\n{text}"
        )
    made = compile_sources(sources_of({"gateway.yaml": whole, **KEYS}))
    assert made.ok, [(one.code, one.message) for one in made.diagnostics]
    return made.plan


def model(text: str, more: str = "") -> str:
    """A model `m1`, and a route `llm` that serves it to anybody."""
    return (
        f"models: {{ m1: {{ {text} }} }}\n"
        f"routes: [{{ name: llm, match: /v1, serve: llm, auth: none }}]\n{more}"
    )


def asked(
    text: str, path: str = "/v1/chat/completions", *, stream: bool = False, **more: Any
) -> Trace:
    """Decide about a request for `m1`; what is no part of a request is of the world."""
    said: dict[str, Any] = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
    if stream:
        said["stream"] = True
    said.update(more.pop("said", {}))
    given = {
        key: more.pop(key) for key in ("key", "issuer", "claims", "certificate") if key in more
    }
    method = more.pop("method", "POST")
    headers = (JSON, *more.pop("headers", ()))
    body = b"" if method == "GET" else json.dumps(said).encode()
    request = Request(method, path, "a.test", headers, body, **given)
    return decide(plan(text), request, World(**more))


def answers(**given: Answer | tuple[Answer, ...]) -> dict[str, tuple[Answer, ...]]:
    """What providers do."""
    return {name: one if isinstance(one, tuple) else (one,) for name, one in given.items()}


def told(trace: Trace) -> list[tuple[str, str]]:
    """Each attempt's target, and what came of it."""
    return [(one.target, one.outcome) for one in trace.attempts]
