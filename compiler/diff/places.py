"""Listeners and services: where clients connect, and where their requests go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.diff.change import NOTHING, Area, Change, Severity
from compiler.diff.fields import Said, field_changes, policy_changes
from compiler.diff.sides import Sides, at, paired, passing, whole
from compiler.diff.values import leaves, names, plural
from compiler.plan import EndpointAddress, Forward, Listener, Plan

_LISTENER = Said(
    Area.LISTENERS,
    elsewhere=("name", "policies"),
    words={"on_demand": "hosts are sent to Envoys on demand"},
)
_SERVICE = Said(
    Area.SERVICES,
    areas={"connect_timeout": Area.TIMEOUTS},
    elsewhere=("name", "policies", "endpoints"),
    words={"resolution": "how its endpoints become addresses"},
)


def listeners(sides: Sides) -> Iterator[Change]:
    """Yield what changes of each listener, and those that come and go."""
    both, gone, come = paired(sides.before.listeners, sides.after.listeners)
    for had, has in both:
        subject = f"listener `{had.name}`"
        reach = sides.routes(_on(sides, had.name))
        yield from field_changes(subject, had, has, _LISTENER, reach)
        yield from policy_changes(subject, had.policies, has.policies, Area.LISTENERS, reach)
    for one, is_new in passing(gone, come):
        yield _listener(one, sides, is_new=is_new)


def _on(sides: Sides, listener: str) -> set[str]:
    plans = (sides.before, sides.after)
    return {one.name for plan in plans for one in plan.routes if listener in one.listeners}


def _listener(one: Listener, sides: Sides, *, is_new: bool) -> Change:
    place = f"{one.address}:{one.port}"
    return whole(
        Area.LISTENERS,
        Severity.GAIN if is_new else Severity.LOSS,
        f"listener `{one.name}`",
        f"is new: {place}" if is_new else f"is gone: nobody answers at {place}",
        place,
        sides.routes(_on(sides, one.name)),
        one,
        is_new=is_new,
    )


def services(sides: Sides) -> Iterator[Change]:
    """Yield what changes of each service, and those that come and go."""
    both, gone, come = paired(sides.before.services, sides.after.services)
    for had, has in both:
        subject = f"service `{had.name}`"
        reach = sides.routes(_to(sides, had.name))
        if had.endpoints != has.endpoints:
            yield Change(
                Area.SERVICES,
                Severity.NEUTRAL,
                subject,
                f"endpoints: {_moved(had.endpoints, has.endpoints)}",
                endpoints_said(had.endpoints),
                endpoints_said(has.endpoints),
                reach,
                at(had),
                at(has),
            )
        yield from field_changes(subject, had, has, _SERVICE, reach)
        yield from policy_changes(subject, had.policies, has.policies, Area.SERVICES, reach)
    for one, is_new in passing(gone, come):
        place = endpoints_said(one.endpoints)
        yield whole(
            Area.SERVICES,
            Severity.NEUTRAL,
            f"service `{one.name}`",
            f"is {'new' if is_new else 'gone'}: {place}",
            place,
            NOTHING,
            one,
            is_new=is_new,
        )


def _to(sides: Sides, service: str) -> set[str]:
    return {route for plan in (sides.before, sides.after) for route in _leading(plan, service)}


def _leading(plan: Plan, service: str) -> Iterator[str]:
    for route in plan.routes:
        if isinstance(route.action, Forward) and any(
            branch.service == service for branch in route.action.branches
        ):
            yield route.name


def endpoints_said(endpoints: Iterable[EndpointAddress]) -> str:
    """Say endpoints with what is not usual about them."""
    return ", ".join(_endpoint(one) for one in endpoints) or "none"


def _moved(before: tuple[EndpointAddress, ...], after: tuple[EndpointAddress, ...]) -> str:
    old, new = [_endpoint(one) for one in before], [_endpoint(one) for one in after]
    if len(old) <= 2 and len(new) <= 2:
        return f"{', '.join(old) or 'none'} -> {', '.join(new) or 'none'}"
    gone, come = set(old) - set(new), set(new) - set(old)
    if not gone and not come:
        parts = (path for path, _, _ in leaves(before, after))
        return f"in another order {'; '.join(parts)}".rstrip()
    parts_ = [f"without {names(gone)}"] if gone else []
    parts_ += [f"with {names(come)}"] if come else []
    return f"{' and '.join(parts_)} ({len(new)} {plural('endpoint', new)} now)"


def _endpoint(one: EndpointAddress) -> str:
    host = f"[{one.host}]" if ":" in one.host else one.host
    parts = [f"weight {one.weight}"] if one.weight != 1 else []
    parts += [f"priority {one.priority}"] if one.priority else []
    parts += [f"zone {one.zone}"] if one.zone else []
    return f"{host}:{one.port}" + (f" ({', '.join(parts)})" if parts else "")
