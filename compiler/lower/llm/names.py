"""The names that LLM lowering gives: clusters, routes, metadata and headers.

Names say what they are, never where they stand in a list, so that a new model changes nothing
else.
"""

from __future__ import annotations

from urllib.parse import quote

from compiler.plan_llm import Endpoint, Target

NAMESPACE = "gatewright.llm"
"""The namespace of all our metadata: of routes, of clusters, and of each request."""

MODEL = "model"
"""Request metadata: the body's ``model``, as the client wrote it."""

PROBLEM = "problem"
"""Request metadata: why there is no model, ``missing`` or ``malformed``."""

RETRY_HEADER = "x-gatewright-retry"
"""Set on a provider's answer by Lua to make the router go on; never reaches a client."""

TARGET_HEADER = "x-gatewright-target"
"""Tells the client which target answered, as ``provider/model``."""

ATTEMPTS_HEADER = "x-gatewright-attempts"
"""Tells the client how many targets were tried."""


IDENTITY_PREFIX = "x-gatewright-"
"""Of request headers that tell services whose request it is; providers get none of them."""


def cluster_name(target: Target) -> str:
    """One cluster for each provider's model, and for each bound on its attempts."""
    name = f"llm/{target.provider}/{quote(target.model, safe='/:._-')}"
    if target.timeout is None:
        return name
    return f"{name}?timeout={target.timeout.total_seconds():g}s"


def route_name(route: str, endpoint: Endpoint, last: str) -> str:
    """The name of the route of one operation for one model, or for one kind of refusal."""
    return f"{route}{endpoint}/{last}"
