"""Plans and reviews of texts that differ in a few words."""

from functools import cache

from compiler.diff.plans import diff_plans
from compiler.diff.review import review
from compiler.pipeline import compile_sources
from compiler.read import sources_of

BASE = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
services:
  orders: { endpoints: ["orders.internal:80"] }
  other: { endpoints: ["other.internal:80"] }
providers:
  openai: { api: openai, key: env:KEY }
  own: { api: openai, url: "http://llm.internal/v1", trust: internal }
models:
  fast: { targets: [openai/gpt-4o-mini], apis: chat }
  smart: { targets: [openai/gpt-4o], apis: chat }
redactions:
  personal: { detect: pii }
redact: personal
tiers:
  free: { models: [fast], limits: [20 requests/minute] }
  pro: { limits: [600 requests/minute], budget: 500 USD/month }
tenants:
  a: { tier: free, keys: { one: 6fc6dd1165374aaa5867747315129cbebf5eadf7e513223101047dbc1b51e46d } }
  b: { tier: free }
  c: { tier: pro }
routes:
  - { name: llm, match: /v1, serve: llm, auth: keys }
  - { name: orders, match: /orders, service: orders, auth: keys }
"""


@cache
def compiled(text):
    found = compile_sources(sources_of({"gateway.yaml": text}), until="checked")
    assert found.ok, found.diagnostics
    return found


@cache
def planned(text):
    found = compile_sources(sources_of({"gateway.yaml": text}), until="plan")
    assert found.ok, found.diagnostics
    return found.plan


def edited(*edits, base=BASE):
    """The base with words replaced; each must be there."""
    text = base
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def changes(*edits, base=BASE):
    """What is said of some edits, one line each: severity, area, subject and message."""
    found = diff_plans(planned(base), planned(edited(*edits, base=base)))
    return [f"{e.severity} {e.area}: {e.subject} {e.message}" for e in found.entries]


def reviewed(*edits, base=BASE, usage=None):
    """The whole review of some edits."""
    return review(
        compiled(base), compiled(edited(*edits, base=base)), names=("A", "B"), usage=usage
    )


def without_lanes(found):
    return [line for line in found if " lanes: " not in line]
