"""Lowers ``serve: llm`` routes to Envoy's stable filters, and to the edge where those fall short.

Read in the order of a request: ``routes`` and ``operations`` (which paths there are),
``body_metadata`` (the model, from the body), ``fallback`` (which targets, and when the next one),
``clusters``, ``cool_down``, ``credentials``, ``attempt`` and ``processors`` (what one attempt meets
and carries), and then what is told of it: ``local_reply``, ``metrics``, ``access_log``.
"""

from __future__ import annotations

from compiler.guards import identifies
from compiler.lower.llm.body_metadata import (
    body_buffer_filters,
    body_metadata_filter,
    form_filter,
)
from compiler.lower.llm.clusters import cluster_secrets, llm_clusters, llm_listeners
from compiler.lower.llm.local_reply import local_reply
from compiler.lower.llm.metrics import metrics_logs
from compiler.lower.llm.operations import Serving
from compiler.lower.llm.processors import processors_of
from compiler.lower.llm.routes import serve_routes
from compiler.lower.llm_parts import NONE, LlmParts
from compiler.plan import Listener, Plan, Route, Serve
from policies import body_limit
from xds.schema import envoy

HttpFilter = envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter

__all__ = ["lower_llm"]

BODY_BYTES = 32 << 20
"""The largest body where the policy says nothing."""


def lower_llm(plan: Plan, listener: Listener, *, accounts: bool = False) -> LlmParts:
    """Return what the LLM routes on ``listener`` add to it; pure, and the same for equal plans.

    With ``accounts`` hosts tell what their targets cost, for those who write it down, and
    providers are not told whose request it is.
    """
    serving = [
        (route, route.action)
        for route in plan.routes
        if listener.name in route.listeners and isinstance(route.action, Serve)
    ]
    if not serving:
        return NONE
    models = {model.name: model for model in plan.models}
    used = frozenset(name for _, action in serving for name in action.models)
    processors = processors_of(plan)
    cooling = frozenset(one.name for one in plan.providers if one.cool_down is not None)
    return LlmParts(
        routes={
            route.name: tuple(
                serve_routes(
                    route,
                    [models[name] for name in action.models],
                    Serving(body_bytes_of(route), processors, cooling),
                )
            )
            for route, action in serving
        },
        http_filters=(body_metadata_filter(), form_filter(), *_buffer(plan, listener)),
        clusters=llm_clusters(plan, used, processors, accounts=accounts),
        listeners=llm_listeners(plan, used),
        secrets=cluster_secrets(plan, used),
        access_log=metrics_logs(tenants=any(identifies(route) for route, _ in serving)),
        local_reply=local_reply(asked=accounts),
    )


def body_bytes_of(route: Route) -> int:
    """Give the largest body that a route takes, in bytes."""
    for policy in route.policies:
        if policy.kind == body_limit.KIND.name:
            return int(policy.plan.bytes)
    return BODY_BYTES


def _buffer(plan: Plan, listener: Listener) -> tuple[HttpFilter, ...]:
    """The buffer filter, unless a route's own policy brings it to the listener anyway."""
    brought = any(
        policy.kind == body_limit.KIND.name
        for route in plan.routes
        if listener.name in route.listeners
        for policy in route.policies
    )
    return () if brought else body_buffer_filters()
