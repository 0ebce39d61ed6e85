"""Needs: what the edge has to do to a request on its way to one target, and why it must be asked.

A target that needs nothing is Envoy's own; one that needs anything has ext_proc in its chain, for
the whole exchange. Needs are worked out for each route, operation, model and target: the same
target may be native for one and not for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from compiler.plan import Plan, Route, Serve
from compiler.plan_accounts import AuthKind, Tenant
from compiler.plan_llm import (
    FORMS,
    Choice,
    Endpoint,
    Model,
    Provider,
    Redaction,
    Speech,
    Target,
    Trust,
)
from xds.edge import pairs
from xds.edge.pairs import Way, pair
from xds.edge.processing import Scope


class Need(StrEnum):
    """What the edge does in a target's chain; each is an ext_proc on the whole exchange."""

    TRANSLATE = "translate"  # the provider speaks another API than the client
    MEND = "mend"  # the same API, of which this server or place wants something otherwise
    COUNT = "count"  # nobody there counts tokens: the edge answers by itself
    REDACT = "redact"  # something is taken out of what leaves the house
    TRIM = "trim"  # the oldest turns are dropped where a prompt does not fit
    SIGN = "sign"  # signed for AWS with keys that the policy names


STREAMED = frozenset(
    {Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS, Endpoint.RESPONSES, Endpoint.MESSAGES}
)
"""Operations whose answers may be streams."""

TURNS = STREAMED - {Endpoint.COMPLETIONS}
"""Operations whose requests hold turns, of which the oldest may be dropped."""

PASSED = frozenset({Endpoint.IMAGES, Endpoint.SPEECH}) | FORMS
"""Operations that are passed through as they are: no dialect differs in them."""

COUNTS = frozenset({Endpoint.COUNT_TOKENS, Endpoint.INPUT_TOKENS})
"""Operations that count the tokens of a prompt."""

_CLAUDES_PROMPTS = frozenset({Endpoint.MESSAGES, Endpoint.COUNT_TOKENS})
"""Operations whose requests hold thinking as Claude wants it back: signed."""

_OTHERWISE = frozenset({Speech.ANTHROPIC_VERTEX, Speech.ANTHROPIC_BEDROCK})
"""Places that take an API's bodies only with other members, and at other paths."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of a plan's targets; `needs_of` makes it."""

    providers: Mapping[str, Provider]
    redactions: Mapping[str, Redaction]
    everywhere: tuple[str, ...]
    tenants: Mapping[tuple[str, ...], tuple[Tenant, ...]]
    """Those with redactions of their own, by these."""
    _known: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def at(self, route: Route, endpoint: Endpoint, model: Model, target: Target) -> frozenset[Need]:
        """What is needed at a target; empty is Envoy alone."""
        provider = self.providers[target.provider]
        return frozenset(self._found(route, endpoint, model, provider, target))

    def unread(self, route: Route, endpoint: Endpoint, model: Model) -> bool:
        """Whether an operation of a model is refused: the edge would have to read its files."""
        return endpoint in FORMS and any(
            self.at(route, endpoint, model, target) for target in targets_of(model)
        )

    def redactions_at(self, route: Route, provider: Provider) -> tuple[str, ...]:
        """The redactions, of anybody who may use the route, that are for such a provider."""
        return tuple(
            name
            for name in sorted(self._of_route(route))
            if provider.trust is Trust.EXTERNAL or self.redactions[name].rules.scope is Scope.ALL
        )

    def _found(
        self, route: Route, endpoint: Endpoint, model: Model, provider: Provider, target: Target
    ) -> Iterator[Need]:
        found = pair(endpoint.client, provider.speech)
        if found is None:
            if endpoint in COUNTS:
                yield Need.COUNT  # nothing is sent: there is nothing to redact, trim or sign
            return
        if found.way is Way.TRANSLATE:
            yield Need.TRANSLATE
        elif self._is_mended(endpoint, model, provider, target):
            yield Need.MEND
        if self.redactions_at(route, provider):
            yield Need.REDACT
        if model.fallback.trim and endpoint in TURNS and target.window is not None:
            yield Need.TRIM
        if provider.aws is not None and provider.aws.keys is not None:
            yield Need.SIGN

    def _is_mended(
        self, endpoint: Endpoint, model: Model, provider: Provider, target: Target
    ) -> bool:
        """Whether requests in the provider's own API are not yet as it wants them."""
        if provider.speech in _OTHERWISE:
            return True
        if provider.mends and endpoint not in PASSED:
            return True
        return endpoint in _CLAUDES_PROMPTS and self._meets_others(model, target)

    def _meets_others(self, model: Model, target: Target) -> bool:
        """Whether conversations may come to a target from another that signs no thoughts."""
        return any(
            not _signs(self.providers[one.provider], one)
            for one in targets_of(model)
            if (one.provider, one.model) != (target.provider, target.model)
        )

    def _of_route(self, route: Route) -> frozenset[str]:
        known = self._known.get(route.name)
        if known is None:
            names = {*self.everywhere, *route.redact}
            if any(method.kind is not AuthKind.NONE for method in route.auth):
                for redact, tenants in self.tenants.items():
                    if not names.issuperset(redact) and any(_may(one, route) for one in tenants):
                        names.update(redact)
            known = self._known[route.name] = frozenset(names)
        return known


def needs_of(plan: Plan) -> Needs:
    """Take from a plan what decides about needs; ask the result for each target."""
    tenants: dict[tuple[str, ...], list[Tenant]] = {}
    for tenant in plan.tenants:
        if tenant.redact:
            tenants.setdefault(tenant.redact, []).append(tenant)
    return Needs(
        {provider.name: provider for provider in plan.providers},
        {redaction.name: redaction for redaction in plan.redactions},
        plan.redact,
        {redact: tuple(found) for redact, found in tenants.items()},
    )


def gated(model: Model, endpoint: Endpoint) -> bool:
    """Whether streams of an operation are held until their first content.

    Never those of the last group, which has nowhere to go on to: see `gated_target`.
    """
    return model.fallback.gate and len(model.groups) > 1 and endpoint in STREAMED


def gated_target(model: Model, endpoint: Endpoint, target: Target) -> bool:
    """Whether streams from a target are held: it stands in a group before the last."""
    if not gated(model, endpoint):
        return False
    tried = model.groups[: model.fallback.attempts]
    return any(
        (one.provider, one.model, one.timeout) == (target.provider, target.model, target.timeout)
        for group in tried[:-1]
        for one in group.targets
    )


def asks_edge(plan: Plan) -> bool:
    """Whether any request for a model has to meet the edge on its way to a provider."""
    models = {model.name: model for model in plan.models}
    needs = needs_of(plan)
    for route in plan.routes:
        if not isinstance(route.action, Serve):
            continue
        for model in served(route, models):
            if model.choice is Choice.LATENCY:
                return True
            for endpoint in model.endpoints:
                if gated(model, endpoint):
                    return True
                for target in targets_of(model):
                    if needs.at(route, endpoint, model, target):
                        return True
    return False


def served(route: Route, models: Mapping[str, Model]) -> Iterator[Model]:
    """The models that a route serves, of those that are there."""
    if isinstance(route.action, Serve):
        for name in route.action.models:
            if name in models:
                yield models[name]


def targets_of(model: Model) -> Iterable[Target]:
    """All targets of a model, group by group."""
    return (target for group in model.groups for target in group.targets)


def _signs(provider: Provider, target: Target) -> bool:
    """Whether the thoughts of a target are signed as Claude wants them back."""
    if provider.speech.api is pairs.Api.CONVERSE:
        return "claude" in target.model.lower()
    return provider.speech.api is pairs.Api.ANTHROPIC


def _may(tenant: Tenant, route: Route) -> bool:
    if route.allow is not None and tenant.name not in route.allow:
        return False
    granted = any(grant.route == route.name and grant.approved_by for grant in tenant.grants)
    return tenant.routes is None or route.name in tenant.routes or granted
