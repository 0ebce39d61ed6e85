"""Routes: what they take, what they do with it, and who has to say who they are."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diff.change import NOTHING, Area, Change, Reach, Severity
from compiler.diff.entitled import is_open
from compiler.diff.fields import Said, field_changes, policy_changes
from compiler.diff.sides import Sides, at, paired, passing, whole
from compiler.diff.values import arrow, leaves, names, plural, said
from compiler.plan import (
    Action,
    Forward,
    Match,
    PathKind,
    Redirect,
    Respond,
    Route,
    Serve,
)

_ROUTE = Said(
    Area.ROUTES,
    areas={"tags": Area.ACCESS},
    elsewhere=(
        *("name", "match", "action", "policies", "auth", "allow", "on_request", "limits"),
        *("redact", "listeners"),
    ),
)


def routes(sides: Sides) -> Iterator[Change]:
    """Yield what changes of each route, and the routes that come and go."""
    both, gone, come = paired(sides.before.routes, sides.after.routes)
    for had, has in both:
        yield from _changed(had, has, sides)
    for route, is_new in passing(gone, come):
        yield _whole(route, sides, is_new=is_new)


def _changed(had: Route, has: Route, sides: Sides) -> Iterator[Change]:
    subject, reach = f"route `{had.name}`", sides.routes([had.name])
    if set(had.listeners) != set(has.listeners):
        yield _listeners(subject, had, has, reach)
    if had.match != has.match:
        before, after = match_said(had.match), match_said(has.match)
        if before == after:
            parts = (f"{path}: {arrow(a, b)}" for path, a, b in leaves(had.match, has.match))
            after = "; ".join(parts)
        yield Change(
            Area.ROUTES,
            Severity.NEUTRAL,
            subject,
            f"takes {before} -> {after}",
            before,
            after,
            reach,
            at(had),
            at(has),
        )
    if had.action != has.action:
        yield from _action(subject, had, has, reach, sides)
    if had.auth != has.auth:
        yield _auth(subject, had, has, reach)
    yield from _allowed(subject, had, has, sides)
    yield from policy_changes(subject, had.policies, has.policies, Area.ROUTES, reach)
    yield from field_changes(subject, had, has, _ROUTE, reach)


def match_said(match: Match) -> str:
    """Say which requests a route takes: `GET shop.example.com/orders/*`."""
    path = match.path
    if match.path_kind is PathKind.PREFIX:
        path = f"{path.rstrip('/')}/*"
    elif match.path_kind is not PathKind.EXACT:
        path = f"{path} ({match.path_kind})"
    methods = f"{'|'.join(match.methods)} " if match.methods else ""
    hosts = "|".join(match.hosts)
    parts = [f"{methods}{hosts}{path}"]
    for what, values in (("header", match.headers), ("query", match.query)):
        parts += [f"{what} {said(one)}" for one in values]
    return ", ".join(parts)


def action_said(action: Action) -> str:
    """Say what a route does with a request."""
    match action:
        case Forward():
            if len(action.branches) == 1:
                return f"service {action.branches[0].service}"
            total = sum(one.weight for one in action.branches) or 1
            return " | ".join(
                f"{100 * one.weight / total:.3g} % {one.service}" for one in action.branches
            )
        case Serve():
            return f"{plural('model', action.models)} {said(action.models)}"
        case Redirect():
            to = "".join(
                str(part)
                for part in (
                    f"{action.scheme}://" if action.scheme else "",
                    action.host or "",
                    f":{action.port}" if action.port else "",
                    action.path or (f"{action.prefix} + rest" if action.prefix else ""),
                )
            )
            query = ", without the query" if action.strip_query else ""
            return f"redirect {action.code} to {to or 'the same'}{query}"
        case Respond():
            body = f" {said(action.body)}" if action.body else ""
            return f"answer {action.status}{body} ({action.content_type})"


def _listeners(subject: str, had: Route, has: Route, reach: Reach) -> Change:
    lost, gained = set(had.listeners) - set(has.listeners), set(has.listeners) - set(had.listeners)
    parts = [f"no longer on {plural('listener', lost)} {names(lost)}"] if lost else []
    parts += [f"now on {plural('listener', gained)} {names(gained)}"] if gained else []
    opened = bool(gained) and is_open(has)
    severity = Severity.LOSS if lost else Severity.GAIN
    words = f"is {' and '.join(parts)}" + (
        ", where nobody has to say who they are" if opened else ""
    )
    return Change(
        Area.ROUTES,
        Severity.DANGER if opened else severity,
        subject,
        words,
        said(had.listeners),
        said(has.listeners),
        reach,
        at(had),
        at(has),
    )


def _action(subject: str, had: Route, has: Route, reach: Reach, sides: Sides) -> Iterator[Change]:
    before, after = action_said(had.action), action_said(has.action)
    if isinstance(had.action, Serve) and isinstance(has.action, Serve):
        # Models that come or go as such tell for whom by themselves.
        lost = set(had.action.models) - set(has.action.models) - sides.gone_models
        gained = set(has.action.models) - set(had.action.models) - sides.new_models
        if not lost and not gained and set(had.action.models) != set(has.action.models):
            return
        parts = [f"no longer serves {plural('model', lost)} {names(lost)}"] if lost else []
        parts += [f"serves {plural('model', gained)} {names(gained)} too"] if gained else []
        severity = Severity.LOSS if lost else Severity.GAIN
        words = " and ".join(parts) or f"order of its models: {before} -> {after}"
        models = frozenset(lost | gained)
        reach = Reach(reach.tenants, models or None, reach.routes)
    else:
        severity, words = Severity.NEUTRAL, f"goes to {before} -> {after}"
        if before == after:
            parts = [f"{p}: {arrow(a, b)}" for p, a, b in leaves(had.action, has.action)]
            words = f"{before}: {'; '.join(parts)}"
    yield Change(Area.ROUTES, severity, subject, words, before, after, reach, at(had), at(has))


def _auth(subject: str, had: Route, has: Route, reach: Reach) -> Change:
    before, after = _ways(had), _ways(has)
    old, new = {str(one) for one in had.auth}, {str(one) for one in has.auth}
    if is_open(has) and not is_open(had):
        severity = Severity.DANGER
        words = "is open to anybody: nobody has to say who they are"
        reach = Reach(None, None, reach.routes)
    elif is_open(had) and not is_open(has):
        severity = Severity.LOSS
        words = "is closed to those who do not say who they are (401)"
        reach = Reach(None, None, reach.routes)
    elif old - new:
        severity, words = Severity.LOSS, f"no longer takes {names(old - new)}"
        words += f", and takes {names(new - old)}" if new - old else ""
    elif new - old:
        severity, words = Severity.GAIN, f"takes {names(new - old)} too"
    else:
        severity, words = Severity.NEUTRAL, "asks in another order"
    return Change(
        Area.AUTH,
        severity,
        subject,
        f"{words}: auth {before} -> {after}",
        before,
        after,
        reach,
        at(had),
        at(has),
    )


def _ways(route: Route) -> str:
    return ", ".join(str(one) for one in route.auth) or "none"


def _allowed(subject: str, had: Route, has: Route, sides: Sides) -> Iterator[Change]:
    """Tell of `allow` and of access on request where no tenant gains or loses by it."""
    written = (had.on_request, None if had.allow is None else frozenset(had.allow))
    now = (has.on_request, None if has.allow is None else frozenset(has.allow))
    if written == now:
        return
    name = frozenset({had.name})
    if sides.had.who_comes(name) != sides.has.who_comes(name) and had.auth == has.auth:
        return  # told where it is felt
    for path, old, new in (
        ("allow", had.allow, has.allow),
        ("access on request", had.on_request, has.on_request),
    ):
        if old != new:
            was = "all tenants" if old is None else said(old)
            becomes = "all tenants" if new is None else said(new)
            yield Change(
                Area.ACCESS,
                Severity.NEUTRAL,
                subject,
                f"{path}: {was} -> {becomes}; no tenant gains or loses by it today",
                was,
                becomes,
                NOTHING,
                at(had),
                at(has),
            )


def _whole(route: Route, sides: Sides, *, is_new: bool) -> Change:
    subject = f"route `{route.name}`"
    where = f"{match_said(route.match)} -> {action_said(route.action)}"
    opened = is_open(route)
    name = frozenset({route.name})
    if opened:
        whose = "open to anybody"
    else:
        side = sides.has if is_new else sides.had
        who = side.who_comes(name)
        whose = f"for {sides.crowd.called(who)}" if who else "for no tenant"
        whose += f", by {_ways(route)}"
    severity = Severity.GAIN if is_new else Severity.LOSS
    if is_new and opened and isinstance(route.action, Serve):
        severity = Severity.DANGER
    return whole(
        Area.ROUTES,
        severity,
        subject,
        f"is {'new' if is_new else 'gone'}: {where}; {whose}",
        where,
        sides.routes(name),
        route,
        is_new=is_new,
    )
