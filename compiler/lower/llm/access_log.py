"""One JSON line on stdout for each request.

Where a model was asked, the line has OpenTelemetry's gen_ai attributes
(opentelemetry.io/docs/specs/semconv/gen-ai). No header is written but the request's id, the host
and the user agent, since all others may hold secrets; neither is the query string, for the same
reason. What a request does not have is left out.

``failure`` is why an attempt failed last, also where a later one answered; ``chosen`` the target
that was tried first where the request itself decides (`choice`: latency, context).
"""

from __future__ import annotations

from compiler.lower.llm.names import MODEL, NAMESPACE
from xds.edge.usage_line import AUTH, AUTHZ, KEY, TEAM, TENANT, USER
from xds.schema import envoy
from xds.wire import pack

accesslog_v3 = envoy.config.accesslog.v3
stream_v3 = envoy.extensions.access_loggers.stream.v3

_ALL = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "route": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "protocol": "%PROTOCOL%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "user_agent": "%REQ(USER-AGENT)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "upstream": "%UPSTREAM_CLUSTER%",
    "upstream_host": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
}
_REQUEST_LINE = {"host": "%REQ(:AUTHORITY)%", "path": "%PATH(NQ:ORIG_OR_PATH)%"}
_GEN_AI = {
    # An attempt overwrites the request's own path and host, so the route tells the path.
    "path": f"%METADATA(ROUTE:{NAMESPACE}:path)%",
    "model": f"%METADATA(ROUTE:{NAMESPACE}:model)%",
    "upstream_model": f"%METADATA(CLUSTER:{NAMESPACE}:model)%",
    "choice": f"%METADATA(ROUTE:{NAMESPACE}:choice)%",
    "chosen": f"%METADATA(ROUTE:{NAMESPACE}:chosen)%",
    "failure": f"%DYNAMIC_METADATA({NAMESPACE}:failure)%",
    "redacted": f"%DYNAMIC_METADATA({NAMESPACE}:redacted)%",
    "dropped": f"%DYNAMIC_METADATA({NAMESPACE}:dropped)%",
    "trimmed": f"%DYNAMIC_METADATA({NAMESPACE}:trimmed)%",
    "cost_nano_usd": f"%DYNAMIC_METADATA({NAMESPACE}:usage:cost)%",
    "gen_ai.operation.name": f"%METADATA(ROUTE:{NAMESPACE}:operation)%",
    "gen_ai.provider.name": f"%METADATA(CLUSTER:{NAMESPACE}:provider)%",
    "gen_ai.request.model": f"%DYNAMIC_METADATA({NAMESPACE}:{MODEL})%",
    "gen_ai.response.model": f"%DYNAMIC_METADATA({NAMESPACE}:usage:model)%",
    "gen_ai.usage.input_tokens": f"%DYNAMIC_METADATA({NAMESPACE}:usage:input)%",
    "gen_ai.usage.output_tokens": f"%DYNAMIC_METADATA({NAMESPACE}:usage:output)%",
    "gen_ai.usage.cache_read.input_tokens": f"%DYNAMIC_METADATA({NAMESPACE}:usage:cached)%",
}

_IDENTITY = {key: f"%DYNAMIC_METADATA({AUTHZ}:{key})%" for key in (TENANT, TEAM, KEY, USER, AUTH)}
"""Whose request it was; the key is its id."""


def json_lines(*, identity: bool = False) -> tuple[accesslog_v3.AccessLog, ...]:
    """The loggers of a listener: for requests that asked for a model, and for all others.

    With ``identity`` they tell whose request it was, where that is known.
    """
    fields = {**_ALL, **_IDENTITY} if identity else _ALL
    return (
        _lines({**fields, **_REQUEST_LINE}, gen_ai=False),
        _lines({**fields, **_GEN_AI}, gen_ai=True),
    )


def _lines(fields: dict[str, str], *, gen_ai: bool) -> accesslog_v3.AccessLog:
    config = stream_v3.StdoutAccessLog()
    config.log_format.json_format.update(fields)
    config.log_format.omit_empty_values = True
    log = accesslog_v3.AccessLog(name="envoy.access_loggers.stdout", typed_config=pack(config))
    condition = log.filter.metadata_filter
    condition.matcher.filter = NAMESPACE
    condition.matcher.path.add().key = MODEL
    if gen_ai:
        condition.matcher.value.present_match = True
    else:
        # No model is null, so this holds only where there is none; `invert` takes no part here.
        condition.matcher.value.null_match.SetInParent()
    condition.match_if_key_not_found.value = not gen_ai
    return log
