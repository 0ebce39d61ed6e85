"""Limits: what each says has an effect, and no two at one place are the same counter."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.limiting import suffix_of
from compiler.linking.auth import asks
from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.schema.limits import BudgetDocument, LimitDocument
from compiler.schema.routes import RouteDocument
from compiler.source import Path
from policies.limit_text import amount_of
from xds.edge.limit import Each, Period, Unit

_OF_ALL_ROUTES = (Unit.REQUESTS, Unit.CONCURRENT)

Lists = tuple[tuple[LimitDocument, ...] | None, tuple[BudgetDocument, ...] | None]


def link_limits(document: GatewayDocument, findings: Findings) -> None:
    """Check the limits and budgets of all places."""
    _check((document.limits, document.budget), (), findings)
    for place, route in enumerate(document.routes):
        _check((route.limits, route.budget), ("routes", place), findings)
        _check_route(route, ("routes", place), findings)
    for name, provider in document.providers.items():
        _check((provider.limits, provider.budget), ("providers", name), findings)
    for name, model in document.models.items():
        if not isinstance(model, str):
            _check((model.limits, model.budget), ("models", name), findings)
    for name, tier in document.tiers.items():
        _check((tier.limits, tier.budget), ("tiers", name), findings)
    for name, tenant in document.tenants.items():
        path: Path = ("tenants", name)
        _check((tenant.limits, tenant.budget), path, findings)
        for key, written in tenant.keys.items():
            _check((written.limits, written.budget), (*path, "keys", key), findings)
        for team, part in tenant.teams.items():
            at: Path = (*path, "teams", team)
            _check((part.limits, part.budget), at, findings)
            for key, written in part.keys.items():
                _check((written.limits, written.budget), (*at, "keys", key), findings)


def _check(lists: Lists, path: Path, findings: Findings) -> None:
    """Check one place."""
    limits, budgets = lists
    for place, written in enumerate(limits or ()):
        at = (*path, "limits", place)
        _check_burst(written, at, findings)
        _check_window(written, at, findings)
        if written.per == "edge":
            _check_edge(written, at, findings)
    _check_twice(limits or (), (*path, "limits"), findings)
    _check_twice(budgets or (), (*path, "budget"), findings)


def _check_route(route: RouteDocument, path: Path, findings: Findings) -> None:
    """Refuse limits that no request of the route could ever be counted for."""
    asked = asks(route.auth or ())
    lists: tuple[tuple[str, Iterable[LimitDocument | BudgetDocument]], ...] = (
        ("limits", route.limits),
        ("budget", route.budget),
    )
    for key, listed in lists:
        for place, written in enumerate(listed):
            at: Path = (*path, key, place)
            if route.serve is None and written.limit.unit not in _OF_ALL_ROUTES:
                findings.error(
                    "limit-without-models",
                    f"`{written.limit.text}` counts what models cost, and this route serves none",
                    at,
                    hint="limit requests here, or write `serve: llm`",
                )
            elif not asked and written.each not in (Each.ALL, Each.CLIENT):
                findings.error(
                    "each-without-auth",
                    f"this limit is for each {written.each}, and nobody is asked who they are",
                    (*at, "each"),
                    labels=[((*path, "auth"), "asks nobody")] if route.auth else [],
                    hint="write `auth: keys`, or `each: client`",
                )


def _check_twice(
    written: Iterable[LimitDocument | BudgetDocument], path: Path, findings: Findings
) -> None:
    first: dict[str, int] = {}
    for place, one in enumerate(written):
        name = suffix_of(one)
        other = first.setdefault(name, place)
        if other != place:
            findings.error(
                "duplicate-limit",
                f"`{one.limit.text}` limits what another one at this place does",
                (*path, place),
                "again",
                labels=[((*path, other), "first here")],
                hint="keep the lower one: both would have the same counter",
            )


def _check_burst(written: LimitDocument, path: Path, findings: Findings) -> None:
    if written.burst is None:
        return
    if written.limit.unit is Unit.CONCURRENT:
        findings.error(
            "burst-without-effect",
            "requests under way are counted as they are, and not refilled",
            (*path, "burst"),
            labels=[((*path, "limit"), "has no time")],
            hint="remove `burst`",
        )
    elif written.window is not None:
        findings.error(
            "burst-without-effect",
            "a limit with `burst` is a bucket, and has no window",
            (*path, "burst"),
            labels=[((*path, "window"), "and this is the other way")],
            hint="keep one of them",
        )
    elif amount_of(written.burst, written.limit.unit) is None:
        findings.error(
            "bad-limit",
            "this burst is no whole amount, or too large",
            (*path, "burst"),
            hint="requests and tokens are whole; an amount is at most 9,000,000 USD",
        )


def _check_window(written: LimitDocument, path: Path, findings: Findings) -> None:
    if written.window is None or written.burst is not None:
        return
    if written.limit.unit is Unit.CONCURRENT or written.per == "edge":
        why = "has no time" if written.per != "edge" else "is a bucket that is refilled evenly"
        findings.error(
            "window-without-effect",
            f"`window` has no effect: this limit {why}",
            (*path, "window"),
            labels=[((*path, "per" if written.per == "edge" else "limit"), "because of this")],
            hint="remove `window`",
        )


def _check_edge(written: LimitDocument, path: Path, findings: Findings) -> None:
    """Check a limit that each Envoy is to count by itself."""
    text = written.limit
    if text.unit is not Unit.REQUESTS or text.period is Period.MONTH:
        what = "a month" if text.unit is Unit.REQUESTS else f"`{text.text}`"
        findings.error(
            "per-edge-tokens",
            f"an Envoy by itself cannot count {what}",
            (*path, "limit"),
            labels=[((*path, "per"), "each for itself")],
            hint="`per: edge` is for requests in a second, minute, hour or day",
        )
    elif written.when_away is not None:
        findings.error(
            "when-away-without-effect",
            "an Envoy that counts by itself asks nobody who could be away",
            (*path, "when_away"),
            labels=[((*path, "per"), "each for itself")],
            hint="remove `when_away`",
        )
