"""Lanes: by which mechanism a request reaches a target, and why that one."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.needs import Need, Needs, gated_target, needs_of, served, targets_of
from compiler.plan import Lane, LaneChoice, Plan, Route
from compiler.plan_llm import Api, Endpoint, Model, Provider, Speech, Target
from xds.edge import pairs


def choose_lanes(plan: Plan) -> tuple[LaneChoice, ...]:
    """Choose the cheapest right lane for each route, operation, model and target, in that order.

    Operations are those that the model has: others are refused at run time, in the client's own
    schema.
    """
    models = {model.name: model for model in plan.models}
    needs = needs_of(plan)
    return tuple(choice for route in plan.routes for choice in _of_route(route, models, needs))


def _of_route(route: Route, models: dict[str, Model], needs: Needs) -> Iterator[LaneChoice]:
    offered = list(served(route, models))
    for endpoint in Endpoint:
        for model in offered:
            if endpoint not in model.endpoints:
                continue
            for target in targets_of(model):
                found = needs.at(route, endpoint, model, target)
                yield LaneChoice(
                    route.name,
                    endpoint,
                    model.name,
                    f"{target.provider}/{target.model}",
                    Lane.SERVICE if found else Lane.NATIVE,
                    _reason(route, endpoint, model, target, found, needs),
                )


def _reason(
    route: Route,
    endpoint: Endpoint,
    model: Model,
    target: Target,
    found: frozenset[Need],
    needs: Needs,
) -> str:
    provider = needs.providers[target.provider]
    why = [_because(need, route, endpoint, provider, needs) for need in Need if need in found]
    if needs.unread(route, endpoint, model):
        why.insert(0, "refused with 400: what is redacted cannot be looked for in files")
    elif not found:
        why.append(
            f"`{provider.name}` speaks the client's API ({endpoint.client}): Envoy's own filters "
            "suffice"
        )
    if gated_target(model, endpoint, target):
        why.append(
            "streams are held until their first content, so that a failure before it falls over"
        )
    if target.price is None:
        why.append("its price is not known")
    return "; ".join(why)


def _because(need: Need, route: Route, endpoint: Endpoint, provider: Provider, needs: Needs) -> str:
    match need:
        case Need.TRANSLATE:
            return (
                f"`{provider.name}` speaks {_spoken(provider)}: the request is translated from "
                f"{_CALLED[endpoint.api]}'s {endpoint.client}"
            )
        case Need.MEND if provider.speech in _PLACES:
            return f"`{provider.name}` is at {_PLACES[provider.speech]}, whose requests are wrapped"
        case Need.MEND if provider.speech is Speech.ANTHROPIC:
            return (
                f"`{provider.name}` wants thoughts back signed, and others of its chain sign none: "
                "those are taken out"
            )
        case Need.MEND:
            return f"`{provider.name}` is {provider.speech}: its quirks are mended"
        case Need.COUNT:
            return f"`{provider.name}` counts no tokens: they are counted here"
        case Need.REDACT:
            names = " and ".join(f"`{name}`" for name in needs.redactions_at(route, provider))
            return f"redacted by {names} for {provider.trust} `{provider.name}`"
        case Need.TRIM:
            return "the oldest turns are dropped where a prompt does not fit"
        case Need.SIGN:
            return "signed for AWS with keys of the policy"


_CALLED = {Api.OPENAI: "OpenAI", Api.ANTHROPIC: "Anthropic"}
_PLACES = {Speech.ANTHROPIC_VERTEX: "Vertex AI", Speech.ANTHROPIC_BEDROCK: "Bedrock"}


def _spoken(provider: Provider) -> str:
    if provider.speech is Speech.BEDROCK:
        return "Converse"
    if provider.speech.api is pairs.Api.OPENAI:
        return provider.speech.value
    return provider.speech.api.value
