"""The names that LLM lowering gives: clusters, routes, metadata and headers.

Names say what they are, never where they stand in a list, so that a new model changes nothing
else.
"""

from __future__ import annotations

from urllib.parse import quote

from compiler.plan_llm import Endpoint, Target
from xds.edge import attempt

NAMESPACE = "gatewright.llm"
"""The namespace of all our metadata: of routes, of clusters, and of each request."""

MODEL = "model"
"""Request metadata: the body's ``model``, as the client wrote it."""

PROBLEM = "problem"
"""Request metadata: why there is no model, ``missing`` or ``malformed``."""

STREAM = "stream"
"""Request metadata: the body's ``stream``."""

RETRY_HEADER = attempt.RETRY
"""Set on a provider's answer, by Lua or by the edge, to make the router go on; never reaches a
client."""

WAIT_HEADER = attempt.RETRY_AFTER
"""Set on a provider's answer to have the router wait, in seconds; never reaches a client."""

COOLING_HEADER = "x-gatewright-cooling"
"""On answers of what stands in for a target that is cooling down; Lua takes it for what it is."""

COOLING = "cooling_down"
"""What RETRY_HEADER says then."""

ATTEMPT_HEADER = "x-gatewright-attempt"
"""Tells an attempt's Lua which one it is, on targets that are tried again; goes no further."""

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


def process_filter_name(cluster: str) -> str:
    """The name of the ext_proc filter in a cluster's chain, under which routes speak of it."""
    return f"{attempt.FILTER}/{cluster}"


def route_name(route: str, endpoint: Endpoint, last: str) -> str:
    """The name of the route of one operation for one model, or for one kind of refusal."""
    return f"{route}{endpoint}/{last}"
