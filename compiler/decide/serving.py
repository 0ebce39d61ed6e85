"""Requests to `serve: llm` routes: admitted, read, and led to the targets of a model."""

from __future__ import annotations

from compiler.decide.admitting import admitted, admitted_early
from compiler.decide.attempting import attempted
from compiler.decide.body_limits import body_bytes_of
from compiler.decide.operations import Meant, first_meant, names_served, then_meant
from compiler.decide.refusing import TOO_LARGE, Refused, no_model
from compiler.decide.telling import Telling
from compiler.decide.trace import Decider, Trace
from compiler.plan import Route


def served(telling: Telling, route: Route) -> Trace:
    """Say what becomes of a request."""
    meant = first_meant(route, telling.request, telling.path)
    telling.operation = None if meant.endpoint is None else meant.endpoint.value
    early = admitted_early(telling, route)
    if isinstance(early, Refused):
        return _refused(telling, early, meant, Decider.GATE)
    if meant.read:
        if len(telling.request.body) > body_bytes_of(route):
            telling.step("model", TOO_LARGE.text, route.at)
            return _refused(telling, TOO_LARGE, meant, Decider.MODEL)
        meant = then_meant(telling.laid, route, telling.request, meant)
        if meant.model is not None:
            telling.model = meant.model.name
            alias = "" if meant.asked == meant.model.name else f", asked for as `{meant.asked}`"
            telling.step("model", f"model `{meant.model.name}`{alias}", meant.model.at)
    denied = admitted(telling, route, early, meant)
    if denied is not None:
        return _refused(telling, denied, meant, Decider.GATE)
    if meant.refused is not None:
        telling.step("model", meant.refused.text, route.at)
        return _refused(telling, meant.refused, meant, Decider.MODEL)
    if meant.about_models:
        return _told(telling, route, meant)
    if meant.model is None or meant.endpoint is None:
        raise AssertionError("what is not refused has a model")
    return attempted(telling, route, meant.endpoint, meant.model, stream=meant.stream)


def _told(telling: Telling, route: Route, meant: Meant) -> Trace:
    """Tell of models: all that are there, or one."""
    if not meant.listing and meant.entry not in dict(names_served(telling.laid, route)):
        return _refused(telling, no_model(meant.entry), meant, Decider.MODEL)
    telling.step("answer", "answered from the policy", route.at)
    return telling.end(Decider.ROUTE, 200)


def _refused(telling: Telling, why: Refused, meant: Meant, decider: Decider) -> Trace:
    return telling.end(decider, why.status, code=why.word(meant.api))
