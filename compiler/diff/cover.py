"""What one plan takes out of requests: by what is looked for, for a route, a tenant, a provider."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.diff.values import FEW, names
from compiler.plan import Plan, Route, Serve
from compiler.plan_llm import Provider, Redaction, Trust
from xds.edge.detectors import GROUPS
from xds.edge.processing import Scope

Finds = Mapping[str, frozenset[str]]
"""What is looked for, and what is done with it: more than one where several redactions do."""

_LONGEST = 40


def finds(redaction: Redaction) -> dict[str, str]:
    """What a redaction looks for, with what it does: detectors, own patterns, entities."""
    rules = redaction.rules
    found: dict[str, str] = {}
    for name in rules.detect:
        for detector in GROUPS.get(name, (name,)):
            found[detector] = rules.actions.get(detector, rules.action)
    for pattern in rules.patterns:
        text = pattern.pattern or ", ".join(pattern.words)
        shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
        found[f"{pattern.name} ({shown})"] = rules.actions.get(pattern.name, rules.action)
    for entity in rules.entities:
        found[f"{entity} ({rules.language})"] = rules.actions.get(entity, rules.action)
    return found


def called(found: frozenset[str]) -> str:
    """Say what is looked for; a large group that is there as a whole, by its name."""
    left, parts = set(found), list[str]()
    for name, members in sorted(GROUPS.items(), key=lambda one: -len(one[1])):
        if len(members) > FEW and left.issuperset(members):
            left -= set(members)
            parts.append(f"all {len(members)} of `{name}`")
    return " and ".join([*parts, names(left)] if left else parts)


class Cover:
    """Answers for one plan; what is alike is worked out once."""

    def __init__(self, plan: Plan) -> None:
        self._everywhere = plan.redact
        self._known = {
            one.name: (finds(one), one.rules.scope is Scope.ALL) for one in plan.redactions
        }
        self.providers = {one.name: one for one in plan.providers}
        self.routes: dict[str, Route] = {
            one.name: one for one in plan.routes if isinstance(one.action, Serve)
        }
        self.tenants = {one.name: one.redact for one in plan.tenants}
        targets = {
            model.name: {target.provider for group in model.groups for target in group.targets}
            for model in plan.models
        }
        self._reached: dict[tuple[str, ...], frozenset[str]] = {}
        for route in self.routes.values():
            served = route.action.models if isinstance(route.action, Serve) else ()
            if served not in self._reached:
                found = (targets.get(name, set()) for name in served)
                self._reached[served] = frozenset().union(*found)

    def reaches(self, route: Route) -> frozenset[str]:
        """The providers that requests on a route may go to."""
        served = route.action.models if isinstance(route.action, Serve) else ()
        return self._reached.get(served, frozenset())

    def of(self, route: Route, tenant: tuple[str, ...], provider: Provider) -> Finds:
        """What is looked for in requests on a route of who has such redactions, for a provider."""
        found: dict[str, frozenset[str]] = {}
        for name in {*self._everywhere, *route.redact, *tenant}:
            looked_for, for_all = self._known.get(name, ({}, False))
            if for_all or provider.trust is Trust.EXTERNAL:
                for one, action in looked_for.items():
                    found[one] = found.get(one, frozenset()) | {action}
        return found
