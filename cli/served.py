"""What a running gateway serves and where, as people and machines are told by `up`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.plan import Plan, Route
    from compiler.plan_llm import Model


def described(plan: Plan, ports: Mapping[str, int]) -> dict[str, Any]:
    """Describe listeners, routes and models for `--json`; ``ports`` are those really bound."""
    return {
        "name": plan.name,
        "listeners": {
            listener.name: {"address": listener.address, "port": ports[listener.name]}
            for listener in plan.listeners
        },
        "routes": [
            {"name": route.name, "match": _match(route), "does": _action(route)}
            for route in plan.routes
        ],
        "models": {model.name: _chain(model) for model in plan.models},
    }


def table(plan: Plan, ports: Mapping[str, int]) -> str:
    """Describe the same for a terminal: listeners, then routes in order, then models."""
    lines: list[str] = []
    for listener in plan.listeners:
        scheme = "https" if any(p.kind == "tls" for p in listener.policies) else "http"
        host = "localhost" if listener.address in {"0.0.0.0", "::"} else listener.address  # noqa: S104 - compared, not bound
        lines.append(f"{listener.name}  {scheme}://{host}:{ports[listener.name]}")
        rows = [
            (_match(route), _action(route))
            for route in plan.routes
            if listener.name in route.listeners
        ]
        width = max((len(match) for match, _ in rows), default=0)
        lines += [f"  {match:{width}}  -> {action}" for match, action in rows]
    if plan.models:
        width = max(len(_names(model)) for model in plan.models)
        lines.append("models")
        lines += [f"  {_names(model):{width}}  -> {_chain(model)}" for model in plan.models]
    return "\n".join(lines)


def _match(route: Route) -> str:
    match = route.match
    hosts = ",".join(match.hosts)
    methods = ",".join(match.methods)
    conditions = [f"{m.name} {m.kind.value} {m.value}".rstrip() for m in match.headers]
    conditions += [f"?{m.name} {m.kind.value} {m.value}".rstrip() for m in match.query]
    path = match.path + ("/*" if match.path_kind.value == "prefix" and match.path != "/" else "")
    shown = f"{methods} {hosts}{path}".strip()
    return f"{shown} [{'; '.join(conditions)}]" if conditions else shown


def _action(route: Route) -> str:
    from compiler.plan import Forward, Redirect, Respond, Serve

    match route.action:
        case Forward(branches):
            if len(branches) == 1:
                return branches[0].service
            return ", ".join(f"{b.service} ({b.weight})" for b in branches)
        case Serve(models):
            return f"models {', '.join(models)}"
        case Redirect(code=code):
            return f"redirect {code}"
        case Respond(status=status):
            return f"respond {status}"


def _names(model: Model) -> str:
    return model.name + (f" ({', '.join(model.aliases)})" if model.aliases else "")


def _chain(model: Model) -> str:
    return ", then ".join(
        " | ".join(
            f"{t.provider}/{t.model}" + (f" ({t.weight})" if len(group.targets) > 1 else "")
            for t in group.targets
        )
        for group in model.groups
    )
