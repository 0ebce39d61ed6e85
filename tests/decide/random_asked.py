"""Random requests for models: operations, bodies, credentials, and what the providers then do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from compiler.decide.world import Answer, Fault
from tests.decide.random_llm import NATIVE, Drawn, key_of

TEXT = "write to ana@corp.example"
_PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
    "messages": "/messages",
    "embeddings": "/embeddings",
    "count": "/messages/count_tokens",
    "tokens": "/responses/input_tokens",
    "images": "/images/generations",
}
_STREAMED = ("chat", "completions", "responses", "messages")

FAULTS: tuple[tuple[str, Answer, bool, bool], ...] = (
    # what the simulator does, what that is to the evaluator, of streams alone, takes long
    ("429:retry_after=0", Answer(429), False, False),
    ("429:retry_after=1", Answer(429, retry_after=1), False, True),
    ("429:retry_after=60", Answer(429, retry_after=60), False, False),
    ("503:retry_after=0", Answer(503), False, False),
    ("429:retry_after=5", Answer(429, retry_after=5), False, False),
    ("529:retry_after=0", Answer(529), False, False),
    ("500", Answer(500), False, False),
    ("502", Answer(502), False, False),
    ("504", Answer(504), False, False),
    ("401", Answer(401), False, False),
    ("404", Answer(404), False, False),
    ("408", Answer(408), False, False),
    ("422", Answer(422), False, False),
    ("reset", Answer(fault=Fault.CONNECT_FAILURE), False, False),
    ("context_length_exceeded", Answer(fault=Fault.CONTEXT_EXCEEDED), False, False),
    ("content_filter", Answer(400, Fault.CONTENT_FILTER), False, False),
    ("slow", Answer(fault=Fault.TIMEOUT), False, True),
    ("slow_first_token", Answer(fault=Fault.STALL), True, True),
    ("cut:0", Answer(fault=Fault.CUT), True, False),
    ("cut:3:token_delay=0.03", Answer(fault=Fault.CUT_LATER), True, True),
    ("error_in_band", Answer(fault=Fault.IN_BAND), True, False),
)
_OVERLOADED = ("anthropic", "gemini")
"""APIs of which the simulated error inside a stream is that they are overloaded."""
_SAY_NO_FILTER = ("gemini", "bedrock", "cohere", "mistral")
"""APIs whose filters say so in an answer, and not in a refusal."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and what each provider does with it, one attempt after the other."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    outcomes: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, tuple[Answer, ...]]
    token: Mapping[str, Any] | None = None
    """Claims of the token that it carries, if it is a good one."""


def draw(random: Random, made: Drawn) -> Asked:
    """Draw a request to one of a policy's routes."""
    prefix, serves, auth = random.choice(made.routes * 2 + made.routes[:1])
    headers: list[tuple[str, str]] = []
    token = _credential(random, made, auth, headers)
    if not serves:
        return Asked("GET", f"{prefix}/x", tuple(headers), b"", {}, {}, token)
    kind = random.choice(("chat",) * 9 + ("messages",) * 5 + tuple(_PATHS))
    if made.native and random.random() < 0.9:
        kind = random.choice(NATIVE[made.native])
    if kind == "embeddings" and "bedrock" in made.providers.values():
        kind = "chat"  # the one that is drawn there has none
    stream = kind in _STREAMED and random.random() < 0.4
    method, path, body = "POST", prefix + _PATHS[kind], _body(random, made, kind, stream=stream)
    content_type = "application/json"
    if kind in ("messages", "count") or random.random() < 0.05:
        headers.append(("anthropic-version", "2023-06-01"))
    odd = random.random()
    if odd < 0.02:
        method = random.choice(("GET", "PUT", "DELETE"))
    elif odd < 0.04:
        content_type = random.choice(("text/plain", "application/json; charset=utf-8", ""))
    elif odd < 0.08:
        model = random.choice(made.models)
        body = random.choice(_odd_bodies(model))
    elif odd < 0.1:
        method, body = random.choice(("GET", "GET", "POST")), b""
        name = random.choice((*made.models, "no-such"))
        path = prefix + random.choice(("/models", f"/models/{name}", "/nothing"))
    elif odd < 0.12:
        path += "?beta=true"
    elif odd < 0.3:
        body = body.replace(
            b"corp.example", b"corp.example " + b"x" * random.choice((150, 300, 700, 1500))
        )
    if content_type:
        headers.append(("content-type", content_type))
    outcomes, answers = _answers(random, made, stream=stream)
    return Asked(method, path, tuple(headers), body, outcomes, answers, token)


def _credential(
    random: Random, made: Drawn, auth: str, headers: list[tuple[str, str]]
) -> dict[str, Any] | None:
    if auth == "none":
        return None
    drawn = random.random()
    if random.random() < 0.85:
        # Mostly what the route takes.
        both = "keys" in auth and "jwt" in auth
        drawn = random.choice((0.1, 0.8)) if both else 0.1 if "keys" in auth else 0.8
    if made.keys and drawn < 0.6:
        headers.append(("authorization", f"Bearer {key_of(random.choice(made.keys))}"))
    elif made.keys and drawn < 0.65:
        headers.append(("x-api-key", key_of(random.choice(made.keys))))
    elif drawn < 0.9:
        claims: dict[str, Any] = {"org": random.choice((*made.claims * 5, "nobody"))}
        if random.random() < 0.25:
            claims["team"] = random.choice(("core", "core", "other"))
        return claims
    elif drawn < 0.95:
        bad = random.choice(("gw_" + "0" * 32, "not-a-token"))
        headers.append(("authorization", f"Bearer {bad}"))
    return None


def _body(random: Random, made: Drawn, kind: str, *, stream: bool) -> bytes:
    body: dict[str, Any] = {"model": random.choice((*made.models * 6, "no-such"))}
    said = [{"role": "user", "content": TEXT}]
    match kind:
        case "chat":
            body |= {"messages": said, "max_tokens": 9}
        case "messages":
            body |= {"messages": said, "max_tokens": 9}
        case "count":
            body |= {"messages": said}
        case "completions" | "images":
            body |= {"prompt": TEXT}
        case _:
            body |= {"input": TEXT}
    if stream:
        body["stream"] = True
    return json.dumps(body).encode()


def _odd_bodies(model: str) -> tuple[bytes, ...]:
    return (
        b"",
        b"{",
        b"[1]",
        b'{"model": 7}',
        b'{"model": ""}',
        b'{"model": null}',
        b'{"messages": []}',
        b'{"model": "x", "n": NaN}',
        b'{"model": "\\ud800"}',
        b'\xef\xbb\xbf{"model": "no"}',
        b'{"model": "no", "n": 18446744073709551615}',
        b'{"model": "no", "n": 1e999}',
        b'{"model": "\xff"}',
        json.dumps({"model": "no-such", "x": {"model": model}}).encode(),
    )


def _answers(
    random: Random, made: Drawn, *, stream: bool
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[Answer, ...]]]:
    outcomes: dict[str, tuple[str, ...]] = {}
    answers: dict[str, tuple[Answer, ...]] = {}
    for name, api in made.providers.items():
        drawn = [_one(random, api, stream=stream) for _ in range(random.choice((1, 1, 2)))]
        outcomes[name] = tuple(outcome for outcome, _ in drawn)
        answers[name] = tuple(answer for _, answer in drawn)
    return outcomes, answers


def _one(random: Random, api: str, *, stream: bool) -> tuple[str, Answer]:
    if random.random() < 0.45:
        return "ok", Answer()
    while True:
        outcome, answer, streams, slow = random.choice(FAULTS)
        if streams and not stream:
            continue
        if slow and random.random() < 0.7:
            continue
        if outcome == "content_filter" and api in _SAY_NO_FILTER:
            continue
        if answer.fault is Fault.IN_BAND and api in _OVERLOADED:
            answer = Answer(503, Fault.IN_BAND)
        return outcome, answer
