"""Lanes: by which mechanism a request reaches a target, and why that one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from compiler.plan import Lane, LaneChoice, Route, Serve
from compiler.plan_llm import Endpoint, Model, Target


def choose_lanes(routes: Iterable[Route], models: Iterable[Model]) -> tuple[LaneChoice, ...]:
    """Choose the cheapest right lane for each route, operation, model and target, in that order.

    Operations are those of the model's API: others are refused at run time, in the client's own
    schema. So far all targets of a model speak its API, and Envoy's own filters suffice.
    """
    by_name = {model.name: model for model in models}
    return tuple(choice for route in routes for choice in _of_route(route, by_name))


def _of_route(route: Route, models: Mapping[str, Model]) -> Iterator[LaneChoice]:
    if not isinstance(route.action, Serve):
        return
    served = [models[name] for name in route.action.models if name in models]
    for endpoint in Endpoint:
        for model in served:
            if endpoint not in model.endpoints:
                continue
            for group in model.groups:
                for target in group.targets:
                    yield LaneChoice(
                        route.name,
                        endpoint,
                        model.name,
                        f"{target.provider}/{target.model}",
                        Lane.NATIVE,
                        _reason(endpoint, target),
                    )


def _reason(endpoint: Endpoint, target: Target) -> str:
    why = (
        f"`{target.provider}` speaks the client's API ({endpoint.api}): Envoy's own filters suffice"
    )
    return why if target.price is not None else f"{why}; its price is not known"
