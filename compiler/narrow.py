"""Narrow a plan to what one group of nodes gets.

What a group is not given it cannot reach either: with its routes go the services, models,
providers, redactions and issuers that only they lead to, and so the secrets of those. Tenants stay,
with those of their models and routes that are left (`compiler.lower.accounts.rules`).
"""

from __future__ import annotations

from dataclasses import replace

from compiler.plan import Forward, Plan, Route, Serve
from compiler.plan_fleet import DEFAULT_GROUP, NodeGroup
from xds.node_match import NodeMatch


def narrow(plan: Plan, group: NodeGroup) -> Plan:
    """Give the plan of a gateway that has the group's listeners and routes, and what they reach.

    A route stays on those of its listeners that the group has, and in its order. What leads nowhere
    in the whole plan (a service without a route) is left out as well. Narrowing twice is narrowing
    once.
    """
    listeners = frozenset(group.listeners)
    named = frozenset(group.routes)
    routes = tuple(
        _standing_on(route, listeners)
        for route in plan.routes
        if route.name in named and not listeners.isdisjoint(route.listeners)
    )
    kept = frozenset(route.name for route in routes)
    actions = [route.action for route in routes]
    forwards = (action for action in actions if isinstance(action, Forward))
    serves = (action for action in actions if isinstance(action, Serve))
    services = frozenset(branch.service for action in forwards for branch in action.branches)
    served = frozenset(name for action in serves for name in action.models)
    models = tuple(model for model in plan.models if model.name in served)
    providers = frozenset(
        target.provider for model in models for part in model.groups for target in part.targets
    )
    redacting = {*plan.redact, *(name for route in routes for name in route.redact)}
    redacting.update(name for tenant in plan.tenants for name in tenant.redact)
    issuers = frozenset(method.issuer for route in routes for method in route.auth)
    return replace(
        plan,
        listeners=tuple(one for one in plan.listeners if one.name in listeners),
        services=tuple(one for one in plan.services if one.name in services),
        providers=tuple(one for one in plan.providers if one.name in providers),
        models=models,
        routes=routes,
        lanes=tuple(choice for choice in plan.lanes if choice.route in kept),
        issuers=tuple(one for one in plan.issuers if one.name in issuers),
        groups=(group,),
        redactions=tuple(one for one in plan.redactions if served and one.name in redacting),
    )


def everything(plan: Plan) -> NodeGroup:
    """The group of all nodes that get the whole gateway."""
    return NodeGroup(
        name=DEFAULT_GROUP,
        nodes=NodeMatch(),
        identity=(),
        listeners=tuple(listener.name for listener in plan.listeners),
        routes=tuple(sorted(route.name for route in plan.routes)),
        at=None,
    )


def _standing_on(route: Route, listeners: frozenset[str]) -> Route:
    if listeners.issuperset(route.listeners):
        return route
    return replace(route, listeners=tuple(name for name in route.listeners if name in listeners))
