"""What tenants choose from: the models and routes of the gateway, and which are on request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from compiler.linking.choices import Choices
from compiler.linking.linked import LinkedRoute
from compiler.schema import GatewayDocument
from compiler.source import Path

CHOSEN: Final = ("models", "routes")
"""The keys under which tenants and tiers choose."""


class Offered(NamedTuple):
    """``on_request`` are pairs such as ``("model", "opus")``."""

    models: Choices
    routes: Choices
    on_request: frozenset[tuple[str, str]]


def offered(
    document: GatewayDocument, meaning: Mapping[str, str], routes: tuple[LinkedRoute, ...]
) -> Offered:
    """Give what there is to choose from."""
    asked = {
        ("model", name)
        for name, model in document.models.items()
        if not isinstance(model, str) and model.access == "on_request"
    }
    asked |= {("route", one.name) for one in routes if one.document.access == "on_request"}
    return Offered(_models(document, meaning), _routes(document, routes), frozenset(asked))


def _models(document: GatewayDocument, meaning: Mapping[str, str]) -> Choices:
    tags: dict[str, Iterable[str]] = {
        name: model.tags for name, model in document.models.items() if not isinstance(model, str)
    }
    places: dict[str, Path] = {name: ("models", name) for name in document.models}
    # A name that goes in a circle was told of already, and is not unknown.
    complete = meaning.keys() >= document.models.keys()
    return Choices("model", meaning, tags, places, complete=complete)


def _routes(document: GatewayDocument, routes: tuple[LinkedRoute, ...]) -> Choices:
    return Choices(
        "route",
        {route.name: route.name for route in routes},
        {route.name: route.document.tags for route in routes},
        {route.name: route.path for route in routes},
        complete=len(routes) == len(document.routes),
    )
