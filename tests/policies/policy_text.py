"""Whole policies around one policy kind, to see it pass through every stage."""

from __future__ import annotations

from textwrap import indent

from policies.base import Place, PolicyKind

_HEAD = """\
gatewright: v1
name: example
"""
_LISTENER = """\
listeners:
  public:
    port: 8080
    address: 127.0.0.1
"""
_SERVICE = """\
services:
  orders:
    endpoints: ["orders.internal:8080"]
"""
_PROVIDER = """\
providers:
  inhouse:
    api: openai
    url: https://llm.internal/v1
"""
_MODELS = """\
models:
  fast: { targets: [inhouse/llama] }
"""
_ROUTE = """\
routes:
  - match: /orders
    service: orders
"""
_LLM_ROUTE = """\
  - match: /v1
    serve: llm
    auth: none
"""


def policy_text(kind: PolicyKind, place: Place, value: str | None) -> str:
    """A policy in which ``value`` (YAML; None: nothing) stands under the kind's key there."""
    key = "" if value is None else f"    {kind.name}:\n{indent(value.strip(), '      ')}\n"
    parts = {
        Place.LISTENER: [_LISTENER, key, _SERVICE, _ROUTE],
        Place.SERVICE: [_LISTENER, _SERVICE, key, _ROUTE],
        Place.ROUTE: [_LISTENER, _SERVICE, _ROUTE, key],
        Place.PROVIDER: [_LISTENER, _SERVICE, _PROVIDER, key, _MODELS, _ROUTE, _LLM_ROUTE],
    }
    return _HEAD + "".join(parts[place])
