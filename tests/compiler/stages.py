"""Run the first stages on text, and look at what they say where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent
from typing import Any

from compiler.diagnostic import Diagnostic, Reporter
from compiler.link import link
from compiler.load import load
from compiler.parse import parse
from compiler.plan import Plan, Route
from compiler.planning import planning
from compiler.read import sources_of
from compiler.source import Span

STAGES: tuple[Callable[[Any, Reporter], Any], ...] = (load, parse, link, planning)
HEAD = "gatewright: v1\nname: edge\n"
LISTENER = "listeners: { local: { port: 8080, address: 127.0.0.1 } }\n"
OPENAI = "providers: { openai: { api: openai, key: env:KEY } }\n"
FAST = "models: { fast: { targets: [openai/gpt-4o-mini] } }\n"
LLM = "routes: [{ match: /v1, serve: llm, auth: none }]\n"


def policy(*parts: str) -> str:
    """Put the head and parts of a policy together; parts may be indented."""
    return HEAD + "\n".join(dedent(part).strip("\n") for part in parts) + "\n"


def run(files: Mapping[str, str] | str) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """Run load, parse, link and planning; the plan is None after an error."""
    named = {"gateway.yaml": files} if isinstance(files, str) else dict(files)
    reporter = Reporter()
    value: Any = sources_of(named)
    for stage in STAGES:
        value = stage(value, reporter)
        if reporter.failed:
            return None, tuple(reporter.diagnostics)
    return value, tuple(reporter.diagnostics)


def plan_of(*parts: str) -> Plan:
    """Plan a policy that must be right; warnings are allowed."""
    plan, said = run(policy(*parts))
    assert plan is not None, said
    return plan


def codes(*parts: str) -> list[str]:
    """Give the codes of all that is said about a policy."""
    return [said.code for said in run(policy(*parts))[1]]


class Finding:
    """The one diagnostic of a policy, with the pieces of text that it points at."""

    def __init__(self, text: str, said: Diagnostic) -> None:
        self.code = said.code
        self.severity = said.severity.value
        self.message = said.message
        self.hint = said.hint or ""
        self.at = _piece(text, said.span)
        self.labels = [(_piece(text, label.span), label.text) for label in said.labels]
        self.whole = repr(said)


def finding(*parts: str, code: str | None = None) -> Finding:
    """Run a policy about which exactly one thing is to be said (of this code, if one is given).

    What is unused does not count unless asked for: it would double the policies of tests.
    """
    text = policy(*parts)
    found = run(text)[1]
    if code is not None:
        said = [one for one in found if one.code == code]
    else:
        said = [one for one in found if not one.code.startswith("unused-")]
    assert len(said) == 1, said
    return Finding(text, said[0])


def route_names(plan: Plan) -> list[str]:
    """Give the names of the routes, as they are tried."""
    return [route.name for route in plan.routes]


def route(plan: Plan, name: str) -> Route:
    """Find a route by its name."""
    return next(one for one in plan.routes if one.name == name)


def _piece(text: str, span: Span | None) -> str:
    assert span is not None
    lines = text.splitlines()
    if span.line != span.end_line:
        return lines[span.line - 1][span.column - 1 :]
    return lines[span.line - 1][span.column - 1 : span.end_column - 1]
