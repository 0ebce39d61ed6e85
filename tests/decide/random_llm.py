"""Random policies that serve models to tenants: small parts, oddly put together.

Many are put into one file, and so into one gateway: each has a listener, and names of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random
from typing import Any

APIS = {
    "openai": ("/v1", ("gpt-4o-mini", "gpt-4o")),
    "azure": ("", ("gpt-4o",)),
    "anthropic": ("/v1", ("claude-haiku-4-5", "claude-sonnet-4-5")),
    "gemini": ("/v1beta", ("gemini-2.5-flash",)),
    "bedrock": ("", ("amazon.nova-lite-v1:0",)),
    "mistral": ("/v1", ("mistral-small-latest",)),
    "cohere": ("/v2", ("command-r-08-2024",)),
}
TRIGGERS = (
    "rate_limited",
    "overloaded",
    "timeout",
    "connect_failure",
    "server_error",
    "context_exceeded",
    "content_filter",
)
OPERATIONS = ("chat", "completions", "responses", "messages", "embeddings", "images")
NATIVE = {"openai": ["chat", "completions", "embeddings"], "anthropic": ["messages"]}
"""What providers of an API are asked for by Envoy alone."""
PAST, FUTURE = "2020-01-31", "2999-01-31"


@dataclass(slots=True)
class Drawn:
    """One policy's own part of the file, and what requests need to know of it."""

    name: str
    native: str = ""
    """The one API that its providers speak where nothing is to need an edge."""
    sections: dict[str, Any] = field(default_factory=dict)
    providers: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    local: bool = False
    """Whether it has a limit that each Envoy counts for itself: one is enough to keep count of."""
    cooling: set[str] = field(default_factory=set)
    routes: list[tuple[str, bool, str]] = field(default_factory=list)
    """Their paths, whether they serve models, and the ways of their auth."""


def key_of(name: str) -> str:
    """A key as clients send it."""
    return "gw_" + hashlib.sha256(f"key of {name}".encode()).hexdigest()[:32]


def draw(random: Random, name: str, flavour: str, port: int) -> Drawn:
    """Draw one; `<upstream>` is where providers are, ``port`` that of its listener.

    ``flavour`` is `native` (what needs no edge at all), `models` (nobody is asked who they are),
    `tokens` (what Envoy decides alone, or with a rate-limit service) or `people` (all that there
    is).
    """
    made = Drawn(name, native=random.choice(("openai", "anthropic")) * (flavour == "native"))
    made.sections["listeners"] = {name: {"address": "127.0.0.1", "port": port}}
    for letter in "abcd"[: random.randint(2, 4)]:
        _provider(random, made, f"{name}{letter}")
    for number in range(random.randint(1, 3)):
        _model(random, made, f"{name}m{number}")
    _trips(made)
    if flavour != "models":
        for number in range(2):
            _tenant(random, made, f"{name}t{number}", flavour)
    for number in range(random.randint(1, 2)):
        _route(random, made, number, flavour, serves=True)
    if flavour != "models":
        _route(random, made, 9, flavour, serves=False)
    return made


def _provider(random: Random, made: Drawn, name: str) -> None:
    api = random.choice(("openai", "openai", "openai", "anthropic", "anthropic", *APIS))
    api = made.native or api
    provider: dict[str, Any] = {
        "api": api,
        "url": f"http://<upstream>/{name}{APIS[api][0]}",
        "trust": random.choice(("external", "internal")),
    }
    if api == "bedrock":
        provider["aws"] = {
            "region": "us-east-1",
            "credentials": {"access_key": "env:AWS_ID", "secret_key": "env:AWS_SECRET"},
        }
    else:
        provider["key"] = "env:PROVIDER_KEY"
    if api == "openai" and not made.native and random.random() < 0.2:
        provider["dialect"] = random.choice(("vllm", "compatible", "ollama"))
    if api == "azure" and random.random() < 0.5:
        provider["api_version"] = "2024-10-21"
    if random.random() < 0.15:
        provider["cool_down"] = {"after": 1, "for": "1h"}
        made.cooling.add(name)
    made.providers[name] = api
    made.sections.setdefault("providers", {})[name] = provider


def _targets(random: Random, made: Drawn) -> list[str]:
    return [f"{name}/{random.choice(APIS[api][1])}" for name, api in made.providers.items()]


def _model(random: Random, made: Drawn, name: str) -> None:
    targets = _targets(random, made)
    random.shuffle(targets)
    groups: list[Any] = []
    while targets and len(groups) < 3:
        if len(targets) > 1 and random.random() < 0.25:
            one, other = targets.pop(), targets.pop()
            weight = random.choice(((1, 0), (0, 1), (1, 1), (9, 1)))
            groups.append([{"to": one, "weight": weight[0]}, {"to": other, "weight": weight[1]}])
        else:
            groups.append(targets.pop())
    model: dict[str, Any] = {"targets": groups, "timeout": "3s"}
    if len(groups) == 1 and isinstance(groups[0], list):
        model["targets"] = groups[0]
    fallback: dict[str, Any] = {}
    if random.random() < 0.9:
        fallback["on"] = random.sample(TRIGGERS, random.randint(1, 5))
    if "timeout" in fallback.get("on", ()) and random.random() < 0.7:
        fallback["attempt_timeout"] = "1s"
    if len(groups) > 1:
        if made.native:
            fallback["before_first_token"] = "pass"
        elif random.random() < 0.4:
            fallback["before_first_token"] = random.choice(("pass", "fall_back"))
        if random.random() < 0.2:
            fallback["attempts"] = random.randint(1, len(groups))
    if random.random() < 0.25:
        fallback["retries"] = {
            "attempts": random.choice((2, 3)),
            "longest_wait": random.choice(("1s", "500ms")),
        }
    if fallback:
        model["fallback"] = fallback
    if random.random() < 0.4:
        model["aliases"] = [f"{name}-alias"]
        made.models.append(f"{name}-alias")
    if made.native:
        model["apis"] = NATIVE[made.native]
    elif random.random() < 0.3:
        model["apis"] = random.sample(OPERATIONS[:4], random.randint(1, 2))
    if len(groups) > 1 and all(isinstance(one, str) for one in groups):
        choice = random.choice(("order", "order", "cost", "context"))
        if choice == "cost":
            model["choose"] = "cost"
            made.sections.setdefault("prices", {}).update(
                {one: {"input": _price(random), "output": _price(random)} for one in groups}
            )
        elif choice == "context":
            model["choose"] = "context"
            model["output"] = "50 tokens"
            sizes = [random.choice((100, 200, 400)) for _ in groups]
            model["targets"] = [
                {"to": one, "context": f"{size} tokens"}
                for one, size in zip(groups, sizes, strict=True)
            ]
    made.models.append(name)
    made.sections.setdefault("models", {})[name] = model


def _price(random: Random) -> str:
    return f"{random.randint(1, 5)} USD/1M tokens"


def _trips(made: Drawn) -> None:
    """A model for each target that is to be cooling down, by which it is made to fail at first."""
    models = made.sections["models"]
    targets = dict.fromkeys(
        one if isinstance(one, str) else one["to"]
        for model in models.values()
        for group in model["targets"]
        for one in (group if isinstance(group, list) else [group])
    )
    trips = [one for one in targets if one.partition("/")[0] in made.cooling]
    for number, target in enumerate(trips):
        api = "messages" if made.native == "anthropic" else "chat"
        models[f"{made.name}trip{number}"] = {"targets": [target], "apis": [api]}
    if trips:
        made.sections.setdefault("routes", []).append(
            {
                "name": f"{made.name}trip",
                "listeners": made.name,
                "match": "/trip",
                "serve": "llm",
                "auth": "none",
                "models": [f"{made.name}trip{number}" for number in range(len(trips))],
            }
        )


def _limits(random: Random, made: Drawn, *each: str) -> list[Any]:
    found: list[Any] = []
    if made.native:
        if made.local or random.random() < 0.6:
            return []
        made.local = True
        each_of = random.choice(("all", *each))
        hourly = f"{random.randint(1, 8)} requests/hour"
        return [{"limit": hourly, "per": "edge", "each": each_of}]
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        period = random.choice(("day", "month", "hour"))
        limit: dict[str, Any] = {"limit": f"{random.randint(2, 20)} requests/{period}"}
        if each and random.random() < 0.4:
            limit["each"] = random.choice(each)
        if not made.local and random.random() < 0.2:
            made.local = True
            limit["per"] = "edge"
            limit["limit"] = f"{random.randint(1, 8)} requests/hour"
        if all(one["limit"].partition("/")[2] != limit["limit"].partition("/")[2] for one in found):
            found.append(limit)
    return found


def _tenant(random: Random, made: Drawn, name: str, flavour: str) -> None:
    tenant: dict[str, Any] = {"claims": [f"{name}-inc"]}
    made.claims.append(f"{name}-inc")
    if random.random() < 0.5:
        tenant["limits"] = _limits(random, made, "tenant") if flavour != "people" else _limits(
            random, made, "key", "user", "client"
        )  # fmt: skip
    if random.random() < 0.2:
        tenant["addresses"] = [random.choice(("127.0.0.0/8", "127.0.0.0/8", "10.0.0.0/8"))]
    if random.random() < 0.4:
        tenant["teams"] = {"core": {}}
        if flavour == "people" and random.random() < 0.5:
            tenant["teams"]["core"]["keys"] = {"bo": {"sha256": _digest(f"{name}/core/bo")}}
            made.keys.append(f"{name}/core/bo")
    if flavour == "people":
        own = [one for one in made.sections["models"] if "trip" not in one]
        if random.random() < 0.4:
            tenant["models"] = random.sample(own, random.randint(1, len(own)))
        for key in ("one", "two"):
            made.keys.append(f"{name}/{key}")
            document: dict[str, Any] = {"sha256": _digest(f"{name}/{key}")}
            match random.randint(0, 8):
                case 0:
                    document["expires"] = PAST
                case 1:
                    document["expires"] = FUTURE
                case 2:
                    document["starts"] = FUTURE
                case 3 | 5:
                    document["models"] = [random.choice(own)]
                case 4:
                    document["limits"] = _limits(random, made)
            tenant.setdefault("keys", {})[key] = document
        for one in own:
            if random.random() < 0.2:
                made.sections["models"][one]["access"] = "on_request"
            if random.random() < 0.3:
                grant = {"model": one, "until": random.choice((PAST, FUTURE))}
                if random.random() < 0.8:
                    grant["approved_by"] = "ana"
                tenant.setdefault("grants", []).append(grant)
        if random.random() < 0.3:
            tenant["redact"] = "pii"
    made.sections.setdefault("tenants", {})[name] = tenant


def _digest(name: str) -> str:
    return hashlib.sha256(key_of(name).encode()).hexdigest()


def _route(random: Random, made: Drawn, number: int, flavour: str, *, serves: bool) -> None:
    path = f"/r{number}"
    route: dict[str, Any] = {"name": f"{made.name}r{number}", "listeners": made.name, "match": path}
    if serves:
        route["serve"] = "llm"
        route["models"] = [one for one in made.sections["models"] if "trip" not in one]
        if len(route["models"]) > 1 and random.random() < 0.3:
            route["models"].pop()
        if random.random() < 0.2:
            route["body_limit"] = "1 KiB"
        if not made.native and random.random() < 0.25:
            route["redact"] = "pii"
    else:
        which = random.choice(("service", "respond"))
        route[which] = "echo" if which == "service" else {"status": 200, "body": "here"}
    if flavour == "models":
        route["auth"] = "none"
    elif flavour == "native":
        route["auth"] = random.choice(("none", "none", "jwt", ["jwt", "none"]))
    elif flavour == "tokens":
        route["auth"] = random.choice(("jwt", "jwt", ["jwt", "none"]))
    else:
        route["auth"] = random.choice(("keys", "keys", ["keys", "jwt"], ["jwt", "keys"], "jwt"))
    if route["auth"] != "none" and random.random() < 0.15:
        route["allow"] = [random.choice(list(made.sections["tenants"]))]
    if flavour != "models" and random.random() < 0.4:
        route["limits"] = _limits(random, made, "client") if flavour != "people" else _limits(
            random, made, "tenant", "key", "client"
        )  # fmt: skip
    made.routes.append((path, serves, str(route["auth"])))
    made.sections.setdefault("routes", []).append(route)
