"""Reads the model from a request's body into metadata, by which the route is then chosen.

Whether a stream is wanted is read, too, for models whose streams have routes of their own.

The filter is off on every route but those of LLM operations, so that no other body is held back.
"""

from __future__ import annotations

from compiler.lower.llm.lua import form_source
from compiler.lower.llm.names import MODEL, NAMESPACE, PROBLEM, STREAM
from policies import body_limit
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
lua_v3 = envoy.extensions.filters.http.lua.v3
json_v3 = envoy.extensions.filters.http.json_to_metadata.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.json_to_metadata"

FORM_FILTER = "gatewright.form"

MISSING = "missing"
MALFORMED = "malformed"

CONTENT_TYPE = r"(?i)application/(?:json|[a-z0-9.+-]+\+json)[ \t]*(?:;.*)?"
"""Envoy's own rule would refuse ``application/json; charset=utf-8``."""

FORM_TYPE = r"(?i)multipart/form-data[ \t]*;.*boundary=.+"


def body_metadata_filter() -> hcm_v3.HttpFilter:
    """The filter with its rules, switched off."""
    config = json_v3.JsonToMetadata()
    rule = config.request_rules.rules.add()
    rule.selectors.add().key = "model"
    rule.on_present.metadata_namespace = NAMESPACE
    rule.on_present.key = MODEL
    for outcome, problem in ((rule.on_missing, MISSING), (rule.on_error, MALFORMED)):
        outcome.metadata_namespace = NAMESPACE
        outcome.key = PROBLEM
        outcome.value.string_value = problem
    stream = config.request_rules.rules.add()
    stream.selectors.add().key = "stream"
    stream.on_present.metadata_namespace = NAMESPACE
    stream.on_present.key = STREAM
    config.request_rules.allow_content_types_regex.regex = CONTENT_TYPE
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(config), disabled=True)


def form_filter() -> hcm_v3.HttpFilter:
    """The filter that reads the model of forms, switched off."""
    config = lua_v3.Lua()
    config.default_source_code.inline_string = form_source(
        {"namespace": NAMESPACE, "model": MODEL, "problem": PROBLEM, "missing": MISSING}
    )
    return hcm_v3.HttpFilter(name=FORM_FILTER, typed_config=pack(config), disabled=True)


def read_body(route: route_v3.Route, body_bytes: int, *, form: bool = False) -> None:
    """Have requests that meet this route first read, and larger ones refused with 413.

    The buffer filter comes along because Envoy's own limit for filters that hold a body is the
    connection's, 1 MiB, and only this filter can raise it for a route.
    """
    on = route_v3.FilterConfig()
    on.config.SetInParent()
    route.typed_per_filter_config[FORM_FILTER if form else FILTER].CopyFrom(pack(on))
    body_limit.patch_route(body_limit.BodyLimit(body_bytes), route)


def body_buffer_filters() -> tuple[hcm_v3.HttpFilter, ...]:
    """The buffer filter, switched off, for a listener on which no policy brings it."""
    return tuple(
        hcm_v3.HttpFilter(name=name, typed_config=pack(config), disabled=True)
        for name, config in body_limit.http_filters(body_limit.BodyLimit(0))
    )
