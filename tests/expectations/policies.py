"""A policy for tests of tests, and its plan."""

from compiler.diagnostic import Severity
from compiler.pipeline import compile_sources
from compiler.read import sources_of

POLICY = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
providers:
  openai: { api: openai, key: env:OPENAI_API_KEY }
  claude: { api: anthropic, key: env:ANTHROPIC_API_KEY }
models:
  fast:
    targets: [openai/gpt-4o-mini, claude/claude-haiku-4-5]
    fallback: { on: [rate_limited, timeout, connect_failure], attempt_timeout: 20s }
  embed: { targets: [openai/text-embedding-3-small], apis: embeddings }
redactions: { personal: { detect: pii } }
tiers: { pro: { limits: [600 requests/minute], budget: 500 USD/month, redact: personal } }
tenants:
  acme:
    tier: pro
    keys:
      ci: { sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }
      cd:
        sha256: 8f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        starts: 2026-05-01
services:
  orders: { endpoints: [orders.internal:8080] }
routes:
  - { name: llm, match: /v1, serve: llm, auth: keys }
  - name: orders
    match: /orders
    service: orders
    rewrite: { prefix: /v2 }
    headers: { request: { set: { x-team: a }, remove: [x-debug] } }
  - { name: old, match: /old, redirect: { path: /orders } }
"""


def compiled(tests: str = "", policy: str = POLICY):
    """Compile the policy with a section of tests, as far as the plan."""
    return compile_sources(sources_of({"gateway.yaml": policy + tests}), until="plan")


def right(tests: str = "", policy: str = POLICY):
    """The same, of which nothing is wrong."""
    found = compiled(tests, policy)
    assert found.ok, [d for d in found.diagnostics if d.severity is Severity.ERROR]
    return found
