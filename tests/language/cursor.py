"""Texts with a `¦` where the cursor is, and what the pure cores say there."""

from functools import cache

from compiler.language.completing import complete
from compiler.language.outline import spot
from compiler.language.pointing import definitions, hover
from compiler.language.understanding import understand
from compiler.read import sources_of

CURSOR = "¦"

POLICY = """\
gatewright: v1
name: edge
listeners: { public: 8080 }
services:
  orders: { endpoints: [orders.internal:8080] }
providers:
  openai: { api: openai, key: env:OPENAI_API_KEY }
  claude: { api: anthropic, key: env:ANTHROPIC_API_KEY }
models:
  fast:
    targets: [openai/gpt-4o-mini, claude/claude-haiku-4-5]
    fallback: { on: [rate_limited, timeout, connect_failure], attempt_timeout: 20s }
    aliases: [quick]
    tags: [cheap]
redactions:
  pii: { detect: pii }
tiers:
  base: { models: [fast], limits: [20 requests/minute], redact: pii }
  pro: { extends: base, budget: 500 USD/month }
tenants:
  acme:
    tier: pro
    limits: [10 requests/minute]
    keys: { ci: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }
routes:
  - { match: /v1, serve: llm, auth: keys, allow: [acme] }
  - { name: orders, match: /orders, service: orders }
"""


def split(text):
    """The text without its cursor, and where that was."""
    index = text.index(CURSOR)
    return text.replace(CURSOR, ""), index


def spot_at(text):
    return spot(*split(text))


@cache
def known_of(text=POLICY, **more):
    """What is understood of one file, or of several by name; nobody changes it."""
    files = {"gateway.yaml": text, **{f"{name}.yaml": other for name, other in more.items()}}
    return understand(sources_of(files))


def labels(text, known=None):
    """What is proposed at the cursor; names are those of POLICY."""
    return [one.label for one in complete(known or known_of(), *split(text))]


def inserted(text, label, known=None):
    """The text after a proposal was taken."""
    text, index = split(text)
    (one,) = (one for one in complete(known or known_of(), text, index) if one.label == label)
    return text[: one.start] + one.insert + text[one.end :]


def hover_at(text, known=None):
    """The Markdown at the cursor; empty where there is none."""
    text, index = split(text)
    found = hover(known or known_of(text), "gateway.yaml", index)
    return found.text if found else ""


def defined_at(text, **more):
    """`file:line` of the declarations of what is at the cursor."""
    text, index = split(text)
    known = known_of(text, **more)
    return [
        f"{one.file}:{known.text(one.file)[: one.start].count(chr(10)) + 1}"
        for one in definitions(known, "gateway.yaml", index)
    ]
