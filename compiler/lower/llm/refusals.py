"""Routes that answer an error at once, in the client's schema."""

from __future__ import annotations

from compiler.lower.llm.errors import ApiError, error_body
from compiler.plan_llm import Api
from xds.schema import envoy

core_v3 = envoy.config.core.v3
route_v3 = envoy.config.route.v3

JSON_TYPE = "application/json"


def refuse(
    route: route_v3.Route,
    api: Api,
    error: ApiError,
    headers: tuple[tuple[str, str], ...] = (),
) -> route_v3.Route:
    """Make ``route`` answer ``error``; return it."""
    route.direct_response.status = error.status
    route.direct_response.body_format.json_format.update(error_body(api, error))
    route.direct_response.body_format.content_type = JSON_TYPE
    for name, value in headers:
        set_response_header(route, name, value)
    return route


def set_response_header(route: route_v3.Route, name: str, value: str) -> None:
    """Have the route's answers carry a header."""
    option = route.response_headers_to_add.add()
    option.header.key = name
    option.header.value = value
    option.append_action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
