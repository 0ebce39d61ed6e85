"""What Envoy's own filters have to say about admission, in the words of the client's API.

LLM clients get errors as their SDKs read them, all others problem details (RFC 9457). What the edge
answers itself is left as it is. These mappers come before those of a listener's models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.lower.llm.errors import ApiError, error_body
from compiler.lower.llm.names import NAMESPACE
from compiler.lower.llm.refusals import JSON_TYPE
from compiler.plan_llm import Api
from xds.edge.usage_line import MESSAGE, RATELIMIT
from xds.schema import envoy
from xds.wire import pack

accesslog_v3 = envoy.config.accesslog.v3
cel_v3 = envoy.extensions.access_loggers.filters.cel.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3

PROBLEM_TYPE = "application/problem+json"

_TITLES = {
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class _Reply:
    """When (a condition on `response`) what is said instead."""

    when: str
    error: ApiError
    headers: tuple[tuple[str, str], ...] = ()


_DETAILS = "response.code_details"
_AWAY = ApiError(
    503,
    "Who is asking cannot be checked at the moment; nothing is wrong with the request",
    code="unavailable",
)

_REPLIES = (
    _Reply(f"{_DETAILS} == 'ext_authz_error'", _AWAY, (("retry-after", "1"),)),
    _Reply(f"{_DETAILS} == 'rate_limiter_error'", _AWAY, (("retry-after", "1"),)),
    _Reply(
        f"{_DETAILS}.startsWith('jwt_authn_access_denied{{Jwks_remote_fetch')",
        _AWAY,
        (("retry-after", "1"),),
    ),
    _Reply(
        f"({_DETAILS}.startsWith('jwt_authn_access_denied') || {_DETAILS} == 'lua_response')",
        ApiError(
            401,
            "There is no token or certificate that this gateway knows",
            code="invalid_api_key",
        ),
    ),
    _Reply(
        f"{_DETAILS}.startsWith('rbac_access_denied')",
        ApiError(403, "You may not come here", code="forbidden"),
    ),
    _Reply(
        # A service that does not say which limit it was, such as the reference one, is below.
        f"{_DETAILS} == 'request_rate_limited' && '{RATELIMIT}' in metadata.filter_metadata",
        ApiError(429, f"%DYNAMIC_METADATA({RATELIMIT}:{MESSAGE})%", code="rate_limit_exceeded"),
    ),
    _Reply(
        f"({_DETAILS} == 'local_rate_limited' || {_DETAILS} == 'request_rate_limited')",
        ApiError(
            429,
            "Too many requests: a limit is used up for now",
            code="rate_limit_exceeded",
        ),
    ),
)


def replies(apis: frozenset[Api], *, rest: bool) -> Iterator[hcm_v3.ResponseMapper]:
    """Yield the mappers for clients of these APIs, and for those of other routes (``rest``)."""
    for api in sorted(apis):
        here = f"xds.route_metadata.filter_metadata['{NAMESPACE}']['api'] == '{api.value}'"
        for reply in _REPLIES:
            yield _mapper(f"{here} && {reply.when}", reply, error_body(api, reply.error), JSON_TYPE)
    if rest:
        elsewhere = f"!('{NAMESPACE}' in xds.route_metadata.filter_metadata)"
        for reply in _REPLIES:
            yield _mapper(
                f"{elsewhere} && {reply.when}", reply, _problem(reply.error), PROBLEM_TYPE
            )


def _problem(error: ApiError) -> dict[str, Any]:
    title = _TITLES[error.status]
    return {"type": "about:blank", "title": title, "status": error.status, "detail": error.message}


def _mapper(
    expression: str, reply: _Reply, body: dict[str, Any], content_type: str
) -> hcm_v3.ResponseMapper:
    condition = accesslog_v3.AccessLogFilter()
    condition.extension_filter.name = "envoy.access_loggers.extension_filters.cel"
    condition.extension_filter.typed_config.CopyFrom(
        pack(cel_v3.ExpressionFilter(expression=expression))
    )
    mapper = hcm_v3.ResponseMapper(filter=condition)
    mapper.body_format_override.json_format.update(body)
    mapper.body_format_override.content_type = content_type
    # Envoy's own is 403 for a token that is meant for others; who is asking is as unknown.
    mapper.status_code.value = reply.error.status
    for name, value in reply.headers:
        option = mapper.headers_to_add.add()
        option.header.key = name
        option.header.value = value
    return mapper
