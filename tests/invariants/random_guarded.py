"""Random policies with all that invariants speak of, and random invariants over their names."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

TAGS = ("blue", "red", "secret")
LIMITS = (
    ("20 requests/minute",),
    ("1M tokens/day",),
    ("1M input tokens/day", "8 concurrent"),
    ("8 concurrent",),
    ("50k output tokens/hour",),
)
WORDS = {
    "serves": ("models", "services", "redirect", "answer"),
    "transport": ("plaintext", "tls", "mtls"),
    "auth": ("keys", "jwt", "oidc", "mtls", "none"),
    "egress": ("external", "internal"),
    "ledger": ("none", "embedded", "postgres"),
    "operations": ("chat", "completions", "messages", "embeddings", "images", "speech"),
}
LIMITED = ("requests", "tokens", "input_tokens", "output_tokens", "cost", "concurrent")
DETECTORS = ("email", "pii", "jwt", "secrets", "badge", "project")


def draw(random: Random) -> dict[str, Any]:
    """Draw a policy without invariants; it may be wrong in some way."""
    policy: dict[str, Any] = {
        "gatewright": "v1",
        "name": "drawn",
        "listeners": _listeners(random),
        "services": {name: {"endpoints": ["127.0.0.1:9000"]} for name in ("s1", "s2")},
        "providers": {name: _provider(random, name) for name in ("p1", "p2", "p3")},
        "redactions": {
            "people": {"detect": "pii"},
            "keys": {"detect": ["secrets", "email"], "when": "all"},
            "own": {"patterns": {"badge": "EMP-[0-9]+"}, "words": {"project": ["Bluebird"]}},
        },
        "issuers": {
            "corp": {
                "issuer": "https://login.corp.example",
                "claims": {"tenant": "org", "team": "team"},
            },
            "other": {"issuer": "https://other.example"},
        },
    }
    policy["models"] = {f"m{n}": _model(random) for n in range(random.randint(1, 4))}
    if random.random() < 0.2:
        policy["redact"] = _some(random, ("people", "keys", "own"), 1)
    for key, chance in (("limits", 0.15), ("budget", 0.1)):
        if random.random() < chance:
            policy[key] = _limits(random, key)
    policy["tiers"] = {"free": _tier(random, policy), "gold": _tier(random, policy)}
    if random.random() < 0.2:
        policy["ledger"] = random.choice(({"store": "none"}, {"store": "env:LEDGER"}))
    names = [f"r{n}" for n in range(random.randint(1, 5))]
    policy["tenants"] = {f"t{n}": _tenant(random, policy, n, names) for n in range(3)}
    policy["routes"] = [_route(random, policy, name) for name in names]
    if random.random() < 0.15:
        policy["groups"] = {
            "some": {
                "nodes": {"cluster": "a"},
                "listeners": _some(random, tuple(policy["listeners"]), 1),
                "routes": _some(random, names, 1),
            },
            "rest": {"nodes": {}, "listeners": "plain", "routes": _some(random, names, 1)},
        }
    return policy


def _some(random: Random, things: Sequence[T], least: int = 0) -> list[T]:
    return random.sample(list(things), random.randint(min(least, len(things)), len(things)))


def _listeners(random: Random) -> dict[str, Any]:
    tls = {"certificate": "file:a.crt", "key": "file:a.key"}
    found: dict[str, Any] = {"plain": {"port": 8080, "address": "127.0.0.1"}}
    if random.random() < 0.5:
        found["safe"] = {"port": 8443, "tls": tls}
    if random.random() < 0.5:
        found["both"] = {"port": 8444, "tls": {**tls, "client_ca": "file:ca.crt"}}
    return found


def _provider(random: Random, name: str) -> dict[str, Any]:
    provider: dict[str, Any] = {
        "api": random.choice(("openai", "openai", "anthropic", "cohere")),
        "key": "env:KEY",
        "trust": random.choice(("external", "internal")),
    }
    if provider["api"] == "openai":
        provider["url"] = f"http://{name}.example/v1"
    if random.random() < 0.4:
        provider["limits"] = _limits(random, "limits")
    if random.random() < 0.3:
        provider["cool_down"] = "30s"
    return provider


def _model(random: Random) -> dict[str, Any]:
    targets: list[Any] = [f"{name}/x" for name in _some(random, ("p1", "p2", "p3"), 1)]
    model: dict[str, Any] = {"targets": targets, "tags": _some(random, TAGS)}
    if len(targets) > 1:
        shape = random.random()
        if shape < 0.3:
            weights = [random.choice((0, 1, 9)) for _ in targets]
            weights[0] = 1
            model["targets"] = [
                {"to": one, "weight": weight} for one, weight in zip(targets, weights, strict=True)
            ]
        elif shape < 0.45:
            model["choose"] = "latency"
            model["fallback"] = {"attempts": random.randint(1, len(targets))}
        elif shape < 0.6:
            model["choose"] = "context"
            model["targets"] = [
                {"to": one, "context": f"{random.choice((2, 8, 64))}k tokens"} for one in targets
            ]
        elif shape < 0.75:
            model["fallback"] = {"attempts": random.randint(1, len(targets))}
        elif shape < 0.95:
            model["fallback"] = {"on": []}
    if random.random() < 0.2:
        model["access"] = "on_request"
    if random.random() < 0.3:
        model["apis"] = random.sample(("chat", "messages", "completions"), 1)
    for key in ("limits", "budget"):
        if random.random() < 0.15:
            model[key] = _limits(random, key)
    return model


def _limits(random: Random, key: str) -> list[Any]:
    if key == "budget":
        return ["5 USD/day"]
    limits: list[Any] = list(random.choice(LIMITS))
    if random.random() < 0.2:
        limits[0] = {"limit": limits[0], "each": random.choice(("client", "all", "tenant"))}
    return limits


def _tier(random: Random, policy: dict[str, Any]) -> dict[str, Any]:
    tier: dict[str, Any] = {}
    if random.random() < 0.4:
        tier["models"] = _some(random, tuple(policy["models"]), 1)
    if random.random() < 0.4:
        tier["tags"] = _some(random, TAGS, 1)
    if random.random() < 0.3:
        tier["redact"] = _some(random, ("people", "keys", "own"))
    for key in ("limits", "budget"):
        if random.random() < 0.3:
            tier[key] = _limits(random, key)
    return tier


def _tenant(random: Random, policy: dict[str, Any], n: int, routes: list[str]) -> dict[str, Any]:
    models = tuple(policy["models"])
    tenant: dict[str, Any] = {}
    if random.random() < 0.6:
        tenant["tier"] = random.choice(("free", "gold"))
    if random.random() < 0.3:
        tenant["models"] = _some(random, models, 1)
    if random.random() < 0.3:
        tenant["routes"] = _some(random, routes, 1)
    if random.random() < 0.3:
        tenant["redact"] = _some(random, ("people", "keys", "own"))
    if random.random() < 0.3:
        tenant["tags"] = _some(random, TAGS)
    if random.random() < 0.2:
        tenant["addresses"] = ["10.1.0.0/16"]
    if random.random() < 0.4:
        tenant["certificates"] = [f"spiffe://corp/{n}/*"]
    if random.random() < 0.2:
        tenant["claims"] = [] if random.random() < 0.3 else [f"c{n}"]
    if random.random() < 0.2:
        tenant["limits"] = _limits(random, "limits")
    if random.random() < 0.7:
        tenant["keys"] = {"k": _key(random, models, f"{n}1")}
    if random.random() < 0.6:
        team: dict[str, Any] = {"keys": {"k": _key(random, models, f"{n}2")}}
        if random.random() < 0.7:
            team["models"] = _some(random, models, 1)
        if random.random() < 0.4:
            team["limits"] = _limits(random, "limits")
        if random.random() < 0.4:
            team["tags"] = _some(random, TAGS)
        tenant["teams"] = {"core": team}
    grants = [{"model": name} for name in models] + [{"route": name} for name in routes]
    tenant["grants"] = [
        {**one, "requested_by": "bo", **random.choice(({}, {"approved_by": "ana"}))}
        for one in _some(random, grants)
        if random.random() < 0.5
    ]
    return tenant


def _key(random: Random, models: Sequence[str], digits: str) -> dict[str, Any]:
    key: dict[str, Any] = {"sha256": f"{digits:a>64}"}
    if random.random() < 0.3:
        key["models"] = _some(random, models, 1)
    if random.random() < 0.2:
        key["limits"] = _limits(random, "limits")
    return key


def _route(random: Random, policy: dict[str, Any], name: str) -> dict[str, Any]:
    route: dict[str, Any] = {"name": name, "match": f"/{name}"}
    does = random.choice(("serve", "serve", "serve", "service", "split", "redirect", "respond"))
    route[does] = {
        "serve": "llm",
        "service": random.choice(("s1", "s2")),
        "split": [{"to": "s1", "weight": random.choice((0, 1))}, {"to": "s2", "weight": 1}],
        "redirect": {"host": "new.example"},
        "respond": {"status": 200},
    }[does]
    standing = _some(random, tuple(policy["listeners"]), 1)
    ways: list[Any] = ["keys", "jwt", {"jwt": "corp"}]
    if standing == ["both"]:
        ways.append("mtls")
    auth = random.sample(ways, random.randint(0, 2))
    if not auth or random.random() < 0.25:
        auth.append("none")
    route["auth"] = auth if does == "serve" or random.random() < 0.7 else "none"
    if len(standing) < len(policy["listeners"]):
        route["listeners"] = standing
    route["tags"] = _some(random, TAGS)
    if route.get("auth", "none") not in ("none", ["none"]):
        if random.random() < 0.3:
            route["allow"] = _some(random, ("t0", "t1", "t2"), 1)
        if random.random() < 0.2:
            route["access"] = "on_request"
    if does == "serve":
        if random.random() < 0.3:
            route["models"] = _some(random, tuple(policy["models"]), 1)
        if random.random() < 0.3:
            route["redact"] = _some(random, ("people", "keys", "own"), 1)
        if random.random() < 0.15:
            route["budget"] = _limits(random, "budget")
    if random.random() < 0.2:
        asked = route.get("auth", "none") not in ("none", ["none"])
        each = random.choice(("client", "tenant", "key") if asked else ("client", "all"))
        route["limits"] = [{"limit": "9 requests/hour", "each": each}]
    return route


def draw_invariant(random: Random, policy: dict[str, Any], name: str) -> dict[str, Any]:
    """Draw an invariant over a policy's names."""
    invariant: dict[str, Any] = {"name": name, "absent": "allowed"}
    kind = random.choice(("forbid", "require"))
    invariant[kind] = _conditions(random, policy)
    if random.random() < 0.4:
        invariant["where"] = _conditions(random, policy)
    if random.random() < 0.4:
        invariant["except"] = _conditions(random, policy)
    return invariant


def _conditions(random: Random, policy: dict[str, Any]) -> Any:
    if random.random() < 0.2:
        return [_condition(random, policy) for _ in range(2)]
    return _condition(random, policy)


def _condition(random: Random, policy: dict[str, Any]) -> dict[str, Any]:
    tags = [f"tag:{tag}" for tag in TAGS]
    targets = ("p1/x", "p2/x", "p3/*", "*/x")
    words: dict[str, Sequence[str]] = {
        **WORDS,
        "listeners": (*policy["listeners"], "*a*"),
        "routes": (*(route["name"] for route in policy["routes"]), *tags, "r*"),
        "services": ("s1", "s2", "s*"),
        "tenants": ("t0", "t1", "t2", *tags, "*1"),
        "tiers": ("free", "gold", "g*"),
        "models": (*policy["models"], *tags, "m*"),
        "providers": ("p1", "p2", "p3", "p*"),
        "targets": targets,
        "tags": TAGS,
    }
    condition: dict[str, Any] = {}
    several = ("redaction", "detectors", "limits", "own_limits")
    for word in random.sample([*words, *several * 4], 3):
        if condition and random.random() < 0.55:
            continue
        found = {
            "redaction": ("people", "keys", "own"),
            "detectors": DETECTORS,
            "limits": LIMITED,
            "own_limits": LIMITED,
        }.get(word)
        if found is None:
            condition[word] = random.sample(tuple(words[word]), random.choice((1, 1, 2)))
        elif random.random() < 0.5:
            condition[word] = "none"
        else:
            condition[word] = random.sample(found, random.choice((1, 1, 2)))
    return condition
