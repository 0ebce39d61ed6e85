"""What a name means in the end, as Markdown: effective values, each with where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Protocol, TypeVar

from compiler.dump import plain
from compiler.language.names import Named
from compiler.plan import Forward, Plan, Redirect, Respond, Route, Serve, Service
from compiler.plan_accounts import Issuer, JwksUrl, Origin, PlacedLimit, Tenant
from compiler.plan_llm import Model, Price, Provider, Redaction, Target, Url
from compiler.plan_policies import Applied

_MANY = 20
"""How many names are listed before the rest is counted."""


def effective(plan: Plan, named: Named, name: str) -> str:
    """Give what is known of the thing called ``name``; empty where there is none of it."""
    lines: Iterator[str]
    match named:
        case Named.PROVIDER:
            lines = _each(plan.providers, name, lambda one: _provider(one, plan))
        case Named.MODEL:
            meant = [one for one in plan.models if name in (one.name, *one.aliases)]
            lines = (line for one in meant for line in _model(one, name))
        case Named.SERVICE:
            lines = _each(plan.services, name, lambda one: _service(one, plan))
        case Named.TENANT:
            lines = _each(plan.tenants, name, _tenant)
        case Named.TIER:
            lines = _tier(plan, name)
        case Named.REDACTION:
            lines = _each(plan.redactions, name, _redaction)
        case Named.ISSUER:
            lines = _each(plan.issuers, name, _issuer)
        case Named.ROUTE:
            lines = _each(plan.routes, name, _route)
        case Named.LISTENER:
            lines = _listener(plan, name)
        case Named.GROUP:
            lines = _group(plan, name)
    return "\n".join(lines).strip()


def origin_of(plan: Plan, tenant: str, key: str) -> str:
    """Give the value that a tenant has of a key in the end, and where from; empty if unknown."""
    for one in plan.tenants:
        if one.name == tenant:
            return "\n".join(
                line for origin in one.origins if origin.key == key for line in _origin(origin)
            )
    return ""


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


_Thing = TypeVar("_Thing", bound=_HasName)


def _each(
    things: Iterable[_Thing], name: str, tell: Callable[[_Thing], Iterator[str]]
) -> Iterator[str]:
    return (line for one in things if one.name == name for line in tell(one))


def _provider(one: Provider, plan: Plan) -> Iterator[str]:
    yield f"**provider `{one.name}`**: speaks {one.speech.value}, {one.trust.value}\n"
    yield f"- URL: `{_url(one.url)}`"
    yield f"- key: `{one.key.name}`" if one.key is not None else "- no key is sent"
    lanes = Counter(
        choice.lane.value for choice in plan.lanes if choice.target.partition("/")[0] == one.name
    )
    if lanes:
        yield "- lanes: " + ", ".join(f"{lane} ({count})" for lane, count in lanes.items())
        reasons = {
            choice.reason
            for choice in plan.lanes
            if choice.target.partition("/")[0] == one.name and choice.lane.value != "native"
        }
        yield from (f"  - {reason}" for reason in sorted(reasons)[:3])
    models = [
        model.name
        for model in plan.models
        if any(target.provider == one.name for group in model.groups for target in group.targets)
    ]
    yield f"- models: {_names(models)}"
    if one.cool_down is not None:
        yield f"- passed by for {_time(one.cool_down.period)} after {one.cool_down.after} failures"
    yield from _rest(one.limits, one.policies)
    yield f"\ndeclared at {one.at}"


def _model(one: Model, name: str) -> Iterator[str]:
    others = [other for other in (one.name, *one.aliases) if other != name]
    also = f", also {_names(others)}" if others else ""
    yield f"**model `{name}`**{also}: chosen by {one.choice.value}\n"
    for place, group in enumerate(one.groups, 1):
        share = sum(target.weight for target in group.targets)
        for target in group.targets:
            part = f"{100 * target.weight / share:g} % " if len(group.targets) > 1 and share else ""
            yield f"{place}. {part}{_target(target)}"
    fallback = one.fallback
    yield ""
    if len(one.groups) > 1:
        on = ", ".join(trigger.value for trigger in fallback.on)
        yield f"- goes on when: {on}; at most {fallback.attempts} attempts"
    if fallback.attempt_timeout is not None:
        attempt = _time(fallback.attempt_timeout)
        yield f"- an attempt has {attempt}, all together {_time(one.timeout)}"
    else:
        yield f"- a request has {_time(one.timeout)}"
    yield f"- offered on {', '.join(f'`{endpoint.value}`' for endpoint in one.endpoints)}"
    if one.on_request:
        yield "- only for tenants with a grant"
    yield from _rest(one.limits, ())
    yield f"\ndeclared at {one.at}"


def _target(target: Target) -> str:
    said = [f"`{target.provider}/{target.model}`", _price(target.price)]
    if target.window is not None:
        said.append(f"window {target.window:,} tokens")
    if target.timeout is not None:
        said.append(f"at most {_time(target.timeout)}")
    return ", ".join(said)


def _price(price: Price | None) -> str:
    if price is None:
        return "price unknown"
    return f"{_usd(price.input)} in, {_usd(price.output)} out per 1M tokens ({price.source})"


def _usd(pico: int) -> str:
    return f"{pico / 1_000_000:g} USD"


def _service(one: Service, plan: Plan) -> Iterator[str]:
    yield f"**service `{one.name}`**: {one.protocol.value}, {one.resolution.value}\n"
    shown = one.endpoints[:_MANY]
    yield from (
        f"- `{each.host}:{each.port}`"
        + (f" weight {each.weight}" if each.weight != 1 else "")
        + (f" priority {each.priority}" if each.priority else "")
        for each in shown
    )
    if len(shown) < len(one.endpoints):
        yield f"- and {len(one.endpoints) - len(shown)} more"
    yield f"- connects within {_time(one.connect_timeout)}"
    routes = [
        route.name
        for route in plan.routes
        if isinstance(route.action, Forward)
        and any(branch.service == one.name for branch in route.action.branches)
    ]
    yield f"- routes: {_names(routes)}"
    yield from _rest((), one.policies)
    yield f"\ndeclared at {one.at}"


def _tenant(one: Tenant) -> Iterator[str]:
    tier = f": tier `{one.tier}`" if one.tier else ""
    yield f"**tenant `{one.name}`**{tier}\n"
    for origin in one.origins:
        yield from _origin(origin)
    yield f"- keys: {_names(key.id for key in one.keys)}"
    if one.teams:
        yield f"- teams: {_names(team.name for team in one.teams)}"
    granted = [grant for grant in one.grants if grant.approved_by is not None]
    if granted:
        yield f"- grants: {_names(str(grant.model or grant.route) for grant in granted)}"
    yield f"\ndeclared at {one.at}"


def _origin(origin: Origin) -> Iterator[str]:
    at = f", {origin.at}" if origin.at is not None else ""
    yield f"- {origin.key}: {origin.value} ({origin.source}{at})"
    for source, value in origin.overrides:
        yield f"  - overrides {value} ({source})"


def _tier(plan: Plan, name: str) -> Iterator[str]:
    """Tell a tier by its tenants: of itself it is nothing in a plan."""
    tenants = [tenant for tenant in plan.tenants if tenant.tier == name]
    yield f"**tier `{name}`**\n"
    values: dict[str, Origin] = {}
    for tenant in plan.tenants:
        for origin in tenant.origins:
            if origin.source == f"tier {name}":
                values.setdefault(origin.key, origin)
    for origin in values.values():
        yield f"- {origin.key}: {origin.value}" + (f" ({origin.at})" if origin.at else "")
    yield f"- tenants: {_names(tenant.name for tenant in tenants)}"


def _redaction(one: Redaction) -> Iterator[str]:
    rules = plain(one.rules)
    yield f"**redaction `{one.name}`**\n"
    yield from (
        f"- {key}: {_said(value)}"
        for key, value in rules.items()
        # What is looked for by words of their own may itself be what must not be told.
        if value not in ("", [], {}, None) and key not in ("name", "patterns", "hash_key")
    )
    if one.rules.patterns:
        yield f"- detectors of your own: {_names(pattern.name for pattern in one.rules.patterns)}"
    yield f"\ndeclared at {one.at}"


def _issuer(one: Issuer) -> Iterator[str]:
    yield f"**issuer `{one.name}`**: `{one.issuer}`\n"
    keys = one.jwks if isinstance(one.jwks, JwksUrl) else None
    yield (
        f"- keys: `{_url(Url(keys.scheme, keys.host, keys.port, keys.path))}`"
        if keys
        else ("- keys: of a file")
    )
    yield f"- audiences: {_names(one.audiences) if one.audiences else 'any'}"
    yield f"- tenant: `{one.tenant_claim}`, user: `{one.user_claim}`"
    yield f"\ndeclared at {one.at}"


def _route(one: Route) -> Iterator[str]:
    match = one.match
    hosts = f" on {', '.join(match.hosts)}" if match.hosts else ""
    yield f"**route `{one.name}`**: `{match.path or '/'}` ({match.path_kind.value}){hosts}\n"
    match one.action:
        case Forward(branches):
            yield f"- to {', '.join(f'`{each.service}` ({each.weight})' for each in branches)}"
        case Serve(models):
            yield f"- serves {_names(models)}"
        case Redirect():
            yield f"- redirects, {one.action.code}"
        case Respond():
            yield f"- answers {one.action.status}"
    yield f"- auth: {', '.join(str(way) for way in one.auth) or 'none'}"
    if one.allow is not None:
        yield f"- for {_names(one.allow)}"
    yield f"- listeners: {_names(one.listeners)}"
    if one.redact:
        yield f"- redactions: {_names(one.redact)}"
    yield from _rest(one.limits, one.policies)
    yield f"\ndeclared at {one.at}"


def _listener(plan: Plan, name: str) -> Iterator[str]:
    for one in plan.listeners:
        if one.name == name:
            yield f"**listener `{name}`**: `{one.address}:{one.port}`\n"
            routes = [route.name for route in plan.routes if name in route.listeners]
            yield f"- routes: {_names(routes)}"
            yield from _rest((), one.policies)
            yield f"\ndeclared at {one.at}"


def _group(plan: Plan, name: str) -> Iterator[str]:
    for one in plan.groups:
        if one.name == name:
            yield f"**group `{name}`**: nodes {one.nodes}\n"
            yield f"- listeners: {_names(one.listeners)}"
            yield f"- routes: {_names(one.routes)}"
            yield f"\ndeclared at {one.at}"


def _rest(limits: tuple[PlacedLimit, ...], policies: tuple[Applied, ...]) -> Iterator[str]:
    for placed in limits:
        yield f"- {'budget' if placed.limit.budget else 'limit'}: {placed.limit.text} ({placed.at})"
    if policies:
        yield f"- policies: {_names(applied.kind for applied in policies)}"


def _names(names: Iterable[str]) -> str:
    known = list(names)
    shown = ", ".join(f"`{name}`" for name in known[:_MANY]) or "none"
    return shown if len(known) <= _MANY else f"{shown} and {len(known) - _MANY} more"


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(value: timedelta) -> str:
    return str(plain(value))


def _url(url: Url) -> str:
    usual = {"http": 80, "https": 443}.get(url.scheme) == url.port
    return f"{url.scheme}://{url.host}{'' if usual else f':{url.port}'}{url.path}"
