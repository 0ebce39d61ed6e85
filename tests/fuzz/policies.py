"""Strategies for policies: right ones, wrong ones, and what is no policy at all."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import strategies as st

from compiler.schema import GatewayDocument
from policies.registry import KINDS

WHOLE = """\
gatewright: v1
name: edge
envoy: "1.40"
defaults: { connect_timeout: 2s, timeout: 15s, model_timeout: 10m, body_limit: 32 MiB }
listeners:
  public: { port: 8080, address: 127.0.0.1, idle_timeout: 1h }
services:
  orders:
    endpoints: [orders.internal:8080, { address: "orders-2.internal:80", weight: 3 }]
    health: { path: /healthz, interval: 5s }
    outliers: { consecutive_5xx: 5 }
    circuit: { connections: 100 }
    balance: least_request
  users: { endpoints: ["10.0.0.1:80"], protocol: grpc, tls: { sni: users.internal } }
providers:
  openai: { api: openai, key: env:OPENAI_API_KEY, headers: { OpenAI-Organization: org } }
  azure: { api: openai, url: "https://llm.example.com/v1", key: file:secrets/azure }
  claude: { api: anthropic, key: env:ANTHROPIC_API_KEY }
models:
  fast:
    targets: [openai/gpt-4o-mini, [{ to: azure/a, weight: 1 }, { to: openai/b, weight: 2 }]]
    fallback: { on: [rate_limited, timeout], attempt_timeout: 20s, attempts: 2 }
    timeout: 1m
    aliases: [quick]
  haiku:
    targets: [claude/claude-haiku-4-5]
    tags: [eu]
    output: 2k tokens
    budget: 5 USD/day
  default: fast
prices:
  azure/a: { input: 0.10 USD/1M tokens, output: 0.20 USD/1M tokens }
routes:
  - { match: /v1, serve: llm, models: [fast, haiku], auth: none }
  - match: { prefix: /orders, method: [GET, POST], headers: { x-a: b, x-c: { present: true } } }
    host: [api.example.com, "*.example.com"]
    service: orders
    timeout: 5s
    retries: { attempts: 2, on: [reset] }
    rewrite: { prefix: / }
    headers: { request: { set: { x-edge: "1" }, remove: [x-debug] } }
  - match: { template: "/users/{id}" }
    split: [{ to: users, weight: 9 }, { to: orders, weight: 1 }]
  - { match: { path: /old }, redirect: https://new.example.com/x }
  - { match: { regex: "/r[0-9]+" }, respond: { status: 200, body: ok } }
  - match: /reports
    service: orders
    auth: [keys, { jwt: corp }]
    allow: [acme, "tag:gold"]
    access: on_request
    tags: [internal]
    limits: [100 requests/second, { limit: 20 requests/second, per: edge }]
tiers:
  free: { models: [fast], limits: [20 requests/minute, 4 concurrent] }
  pro: { extends: free, models: [fast, "tag:eu", "h*"], budget: 500 USD/month, tags: [gold] }
tenants:
  acme:
    tier: pro
    contacts: [ana@acme.example]
    keys:
      ci:
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        expires: "2036-01-31"
        previous:
          sha256: 6fc6dd1165374aaa5867747315129cbebf5eadf7e513223101047dbc1b51e46d
          until: "2036-01-01"
      old:
        sha256: e10a6db2de3bef6881c3f0d505b4f0405f813f919d33202a42e1b8671fa56f7d
        revoked: "2026-01-01"
    teams:
      search:
        models: [fast]
        budget: 50 USD/month
        limits: [{ limit: 5 requests/minute, each: user }]
    routes: ["reports*", v1]
    addresses: [10.0.0.0/8]
    certificates: ["spiffe://corp/acme/*"]
    claims: [acme-inc]
    grants:
      - route: reports
        requested_by: bo
        approved_by: ana
        until: "2036-03-01"
        reason: pilot
issuers:
  corp:
    issuer: https://login.corp.example
    audiences: [gatewright]
    claims: { tenant: org.id, team: team }
    client:
      id: gw
      secret: env:S
      cookie_secret: env:C
      authorize: https://login.corp.example/authorize
      token: https://login.corp.example/token
limits: [{ limit: 1000 requests/second, burst: 2k, when_away: open }]
budget: 10000 USD/month
edge: { folder: /run/gatewright, workers: 2 }
counters: { store: redis://valkey.internal:6379/0, timeout: 100ms, when_away: closed }
ledger: { store: env:LEDGER_URL, retention: 400d }
groups:
  eu:
    nodes: { cluster: edge, region: "eu-*", metadata: { canary: "y*" } }
    identity: ["spiffe://corp/edge/eu/*", "*.eu.edge.example.com"]
    listeners: public
    routes: ["v1*", "old*", "reports*"]
  rest: { nodes: {} }
rollout: { canary: 5%, then: [25%, 100%], hold: 2m, max_errors: 1%, deadline: 10m }
runtime: { upstream.healthy_panic_threshold: 20, a.share: 0.5%, a.switch: true }
"""
"""A policy that uses most of the language, and compiles."""

TREE: dict[str, Any] = yaml.safe_load(WHOLE.replace("on: [", '"on": ['))


def _words(value: Any) -> set[str]:
    """All keys and texts of a tree."""
    match value:
        case dict():
            return {*value, *(word for inner in value.values() for word in _words(inner))}
        case list():
            return {word for inner in value for word in _words(inner)}
        case str():
            return {value}
    return set()


KEYS = sorted(_words(TREE) | set(GatewayDocument.model_fields) | {kind.name for kind in KINDS})
SCALARS = st.one_of(
    st.sampled_from(KEYS),
    st.sampled_from(
        [
            "20s",
            "0s",
            "1e9h",
            "50%",
            "-1%",
            "/",
            "//",
            "*",
            "a/b",
            "/{a}{b}",
            "(",
            "[::1]:80",
            "env:",
            "file:",
            "llm",
            "none",
            "keys",
            "jwt",
            "tag:eu",
            "tag:",
            "20 requests/minute",
            "0 USD/day",
            "2036-02-30",
            "10.0.0.0/99",
            "gw_canary0123456789canary0123456789",
        ]
    ),
    st.sampled_from(["", "1 MiB", "http://", "https://[", "0.0.0.0:99999", "sk-canary0123456789"]),
    st.booleans(),
    st.integers(-2, 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=6)), inner, max_size=4),
    ),
    max_leaves=12,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a tree."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += _places(inner, (*path, step))
    return found


@st.composite
def changed_trees(draw: st.DrawFn) -> dict[str, Any]:
    """A right policy of which some values are replaced, removed, renamed or added."""
    tree = copy.deepcopy(TREE)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(_places(tree) or [("name",)]))
        parent: Any = tree
        for step in path[:-1]:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "remove", "rename", "add"])):
            case "replace":
                parent[path[-1]] = draw(VALUES)
            case "remove":
                del parent[path[-1]]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS))] = parent.pop(path[-1])
            case _ if isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS))] = draw(VALUES)
            case _:
                parent.append(draw(VALUES))
    return tree


SIGNS = b"\x00 \xff { } [ ] &a *a <<:*a !!x ---\n %YAML\n |\n >\n ' \" # ? @ ` sk-canary0123456789"


@st.composite
def changed_texts(draw: st.DrawFn) -> bytes:
    """The bytes of a right policy, of which some are removed, doubled or replaced."""
    text = WHOLE.encode()
    pieces = st.one_of(
        st.binary(max_size=4),
        st.sampled_from(SIGNS.split(b" ")),
        st.sampled_from(["\t", "\n", "\r", "- ", ": ", "\u2028", "\u202e", "\u00a0", "\ufeff"]).map(
            str.encode
        ),
    )
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        text = (
            text[:start]
            + draw(pieces)
            + (text[start:end] if draw(st.booleans()) else b"")
            + text[end:]
        )
    return text
