"""The Envoy routes of a ``serve: llm`` route: operations, the list of models, and the rest 404.

A request without an ``anthropic-version`` header is answered in OpenAI's schema where its path does
not tell the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.lower.llm import models_list
from compiler.lower.llm.errors import ApiError, escaped
from compiler.lower.llm.models_list import Listed
from compiler.lower.llm.names import NAMESPACE
from compiler.lower.llm.operations import Serving, operation_routes
from compiler.lower.llm.refusals import JSON_TYPE, refuse, set_response_header
from compiler.lower.match import lower_match
from compiler.plan import Route
from compiler.plan_llm import Api, Endpoint, Model
from xds.schema import envoy

route_v3 = envoy.config.route.v3

MODELS = "/models"
_BOTH = (Api.ANTHROPIC, Api.OPENAI)  # the one with a condition first


def serve_routes(
    route: Route, models: Sequence[Model], serving: Serving
) -> Iterator[route_v3.Route]:
    """Yield all routes below the route's prefix, in the order in which they are tried."""
    prefix = route.match.path.rstrip("/")
    for endpoint in Endpoint:
        yield from operation_routes(route, endpoint, prefix + endpoint, models, serving)
    yield from _list_routes(route, prefix, models_list.listed(models))
    for api in _BOTH:
        made = _start(route, f"{route.name}/not-found/{api}", api)
        _below(made, prefix)
        operations = ", ".join(f"POST {prefix}{endpoint}" for endpoint in Endpoint)
        yield refuse(
            made,
            api,
            ApiError(
                404, escaped(f"Nothing is served here. Try {operations}, GET {prefix}/models")
            ),
        )


def entry_of(route: Route, made: route_v3.Route) -> str | None:
    """Give the name of the model that an Envoy route tells of; empty for the list of them all.

    None where it is no such route. `is_missing` tells of models that nobody has.
    """
    beginning = f"{route.name}{MODELS}/"
    if not made.name.startswith(beginning) or made.direct_response.status != 200:
        return None
    return made.name.removeprefix(beginning).rpartition("/")[0]


def is_missing(route: Route, made: route_v3.Route) -> bool:
    """Tell whether an Envoy route is for a model that is not there."""
    return (
        made.name.startswith(f"{route.name}{MODELS}/not-found/") and entry_of(route, made) is None
    )


def _list_routes(
    route: Route, prefix: str, entries: tuple[Listed, ...]
) -> Iterator[route_v3.Route]:
    path = prefix + MODELS
    for api in _BOTH:
        made = _get(route, f"{route.name}{MODELS}/{api}", api)
        made.match.path = path
        yield _answer(made, models_list.written(models_list.all_of(api, entries)))
        for entry in entries:
            made = _get(route, f"{route.name}{MODELS}/{entry.name}/{api}", api)
            pattern = models_list.path_pattern(f"{path}/", entry.name)
            if pattern is None:
                made.match.path = f"{path}/{entry.name}"
            else:
                made.match.safe_regex.regex = pattern
            yield _answer(made, models_list.written(models_list.one(api, entry)))
    for api in _BOTH:
        made = _get(route, f"{route.name}{MODELS}/not-found/{api}", api)
        made.match.prefix = f"{path}/"
        yield refuse(
            made,
            api,
            ApiError(404, "There is no such model", code="model_not_found", param="model"),
        )
        made = _start(route, f"{route.name}{MODELS}/method/{api}", api)
        made.match.path_separated_prefix = path
        yield refuse(
            made, api, ApiError(405, "Only GET is allowed here"), headers=(("allow", "GET"),)
        )


def _answer(made: route_v3.Route, body: str) -> route_v3.Route:
    made.direct_response.status = 200
    made.direct_response.body.inline_string = body
    set_response_header(made, "content-type", JSON_TYPE)
    return made


def _below(made: route_v3.Route, prefix: str) -> None:
    if prefix:
        made.match.path_separated_prefix = prefix
    else:
        made.match.prefix = "/"


def _get(route: Route, name: str, api: Api) -> route_v3.Route:
    made = _start(route, name, api)
    condition = made.match.headers.add()
    condition.name = ":method"
    condition.string_match.exact = "GET"
    return made


def _start(route: Route, name: str, api: Api) -> route_v3.Route:
    made = route_v3.Route(name=name, match=lower_match(route.match))
    if api is Api.ANTHROPIC:
        condition = made.match.headers.add()
        condition.name = "anthropic-version"
        condition.present_match = True
    made.metadata.filter_metadata[NAMESPACE].update({"route": route.name, "api": api.value})
    return made
