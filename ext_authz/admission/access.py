"""What an identity may use: its address, the route, the model. Nothing here counts."""

from __future__ import annotations

from enum import Enum

from ext_authz.admission.book import Book
from ext_authz.admission.identity import Identity
from ext_authz.admission.question import Question
from xds.edge.rules import Route


class Denied(Enum):
    """Why not."""

    ADDRESS = "its address is not one of the tenant's"
    ROUTE = "the route is not for it"
    MODEL = "the model is not there, as far as it may know"


def may_enter(book: Book, question: Question, who: Identity, now: float) -> Denied | None:
    """Tell why an identity may not use the route that it asks for, or None where it may."""
    route_name = question.route
    route = book.routes[route_name]
    if not who.tenant:
        return Denied.ROUTE if route.on_request or route.allow is not None else None
    if who.tenant in book.placed and not book.from_here(who.tenant, question.client):
        return Denied.ADDRESS
    tenant = book.tenants[who.tenant]
    if route.allow is not None and who.tenant not in route.allow:
        return Denied.ROUTE
    granted = book.granted(who.tenant, "route", route_name, now)
    if route.on_request:
        return None if granted else Denied.ROUTE
    if tenant.routes is not None and route_name not in tenant.routes and not granted:
        return Denied.ROUTE
    return None


def may_ask(book: Book, who: Identity, model: str, now: float) -> bool:
    """Tell whether an identity may use a model, by the policy's own name of it."""
    asked = book.models.get(model)
    if asked is None:
        return False
    if not who.tenant:
        return not asked.on_request
    tenant = book.tenants[who.tenant]
    granted = book.granted(who.tenant, "model", model, now)
    if not granted and (
        asked.on_request or (tenant.models is not None and model not in tenant.models)
    ):
        return False
    team = tenant.teams[who.team] if who.team else None
    if team is not None and team.models is not None and model not in team.models:
        return False
    return who.key is None or who.key.models is None or model in who.key.models


def models_for(book: Book, route: Route, who: Identity, now: float) -> list[str]:
    """Give all names, aliases too, of the models of a route that an identity may use, sorted."""
    return sorted(
        name
        for model in route.models
        if may_ask(book, who, model, now)
        for name in book.models[model].names
    )
