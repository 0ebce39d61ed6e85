"""From a request as people write it to one that `decide` takes, with what a client would add."""

from __future__ import annotations

import json
from typing import Any

from compiler.decide.request import Request
from compiler.plan import PathKind, Plan, Route, Serve
from compiler.plan_llm import Endpoint, Model
from compiler.schema.tests import RequestDocument

_HELLO = [{"role": "user", "content": "hello"}]
_BODIES: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT_COMPLETIONS: {"messages": _HELLO},
    Endpoint.COMPLETIONS: {"prompt": "hello"},
    Endpoint.EMBEDDINGS: {"input": "hello"},
    Endpoint.RESPONSES: {"input": "hello"},
    Endpoint.INPUT_TOKENS: {"input": "hello"},
    Endpoint.IMAGES: {"prompt": "hello"},
    Endpoint.SPEECH: {"input": "hello", "voice": "alloy"},
    Endpoint.MESSAGES: {"max_tokens": 100, "messages": _HELLO},
    Endpoint.COUNT_TOKENS: {"messages": _HELLO},
}
"""The least that an operation asks for, beside the model."""


def request_of(said: RequestDocument, plan: Plan) -> Request:
    """Make the request: with the path, the host and the body that a client would send.

    Names that the plan does not have are taken as they are.
    """
    path, host = said.path, said.host
    names_model = bool(said.model is not None or said.stream is not None or said.tools)
    if path is None:
        path, served_at = _operation(plan, said.model) if names_model else ("/", "")
        host = host or served_at
    body, is_json = _body(said, path, names_model=names_model)
    headers = [(name, value) for name, values in said.headers.items() for value in values]
    if is_json and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    return Request(
        method=said.method or ("POST" if body else "GET"),
        target=path,
        host=host or "localhost",
        headers=tuple(headers),
        body=body,
        listener=said.listener or "",
        client=said.client or "127.0.0.1",
        key=said.key or "",
        issuer=said.issuer or _issuer(said, plan),
        claims=dict(said.claims),
        certificate=said.certificate or "",
    )


def endpoint_of(path: str) -> Endpoint | None:
    """Give the operation that a path ends with, the longest one."""
    plain = path.partition("?")[0]
    found = [endpoint for endpoint in Endpoint if plain.endswith(endpoint.value)]
    return max(found, key=lambda endpoint: len(endpoint.value), default=None)


def _issuer(said: RequestDocument, plan: Plan) -> str:
    return plan.issuers[0].name if said.claims and plan.issuers else ""


def _operation(plan: Plan, name: str | None) -> tuple[str, str]:
    """Give the path and the host of the first route that serves a model (or any)."""
    models = {named: model for model in plan.models for named in (model.name, *model.aliases)}
    model = models.get(name or "")
    for route in plan.routes:
        if isinstance(route.action, Serve) and (model is None or model.name in route.action.models):
            return _prefix(route) + _first(model).value, host_of(route)
    return f"/v1{Endpoint.CHAT_COMPLETIONS.value}", ""


def _first(model: Model | None) -> Endpoint:
    if model is None or Endpoint.CHAT_COMPLETIONS in model.endpoints or not model.endpoints:
        return Endpoint.CHAT_COMPLETIONS
    return model.endpoints[0]


def _prefix(route: Route) -> str:
    plain = route.match.path_kind in (PathKind.PREFIX, PathKind.EXACT)
    return route.match.path.rstrip("/") if plain else "/v1"


def host_of(route: Route) -> str:
    """A host that the route takes; a wildcard's is any below it."""
    host = route.match.hosts[0] if route.match.hosts else ""
    return f"any{host[1:]}" if host.startswith("*") else host


def _body(said: RequestDocument, path: str, *, names_model: bool) -> tuple[bytes, bool]:
    """Give the body, and whether it is JSON that was made here."""
    if isinstance(said.body, str):
        return said.body.encode(), False
    if said.body is None and not names_model:
        return b"", False
    endpoint = endpoint_of(path)
    start: dict[str, Any] = {} if said.model is None else {"model": said.model}
    rest = (
        dict(said.body) if said.body is not None else _BODIES.get(endpoint, {}) if endpoint else {}
    )
    whole = {**start, **rest}
    if said.stream is not None:
        whole["stream"] = said.stream
    if said.tools:
        whole["tools"] = [_tool(name, endpoint) for name in said.tools]
    # Half a pair of surrogates is text to JSON, and no character.
    return json.dumps(whole, ensure_ascii=False).encode(errors="replace"), True


def _tool(name: str, endpoint: Endpoint | None) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}}
    if endpoint in (Endpoint.MESSAGES, Endpoint.COUNT_TOKENS):
        return {"name": name, "input_schema": schema}
    if endpoint in (Endpoint.RESPONSES, Endpoint.INPUT_TOKENS):
        return {"type": "function", "name": name, "parameters": schema}
    return {"type": "function", "function": {"name": name, "parameters": schema}}
