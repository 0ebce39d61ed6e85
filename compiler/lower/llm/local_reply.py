"""What Envoy itself has to say to an LLM client, in the client's schema.

These are the answers that no provider gave: no healthy upstream, a timeout, a body that is too
large. What a provider answered is never touched, nor are answers on other routes, nor our own
direct responses, which are written as they should be.
"""

from __future__ import annotations

from compiler.lower.llm.errors import ApiError, error_body
from compiler.lower.llm.names import NAMESPACE
from compiler.lower.llm.refusals import JSON_TYPE
from compiler.plan_llm import Api
from xds.edge import attempt
from xds.schema import envoy
from xds.wire import pack

accesslog_v3 = envoy.config.accesslog.v3
cel_v3 = envoy.extensions.access_loggers.filters.cel.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3

_ERRORS = (
    ApiError(413, "The body of the request is too large", code="request_too_large"),
    ApiError(502, "The provider's answer was broken off", code="bad_gateway"),
    ApiError(503, "No provider could be reached: %LOCAL_REPLY_BODY%", code="unavailable"),
    ApiError(504, "The provider did not answer in time", code="timeout"),
)
_NO_KEY = ApiError(503, "The gateway has no key for this provider", code="no_provider_key")
_NOT_SIGNED = ApiError(
    503, "The gateway has no AWS credentials for this provider", code="no_provider_key"
)
_NOT_PROCESSED = ApiError(
    503,
    "The request cannot be made ready for its provider at the moment; nothing is wrong with it",
    code="unavailable",
)
_NO_UPGRADE = ApiError(403, "No upgrade to another protocol is served here", code="no_upgrade")
_OTHER = ApiError(0, "%LOCAL_REPLY_BODY%")


def local_reply(*, asked: bool = False) -> hcm_v3.LocalReplyConfig:
    """The mappers, the most special first; the first that fits is taken.

    Where an edge is ``asked``, what it answers is in the client's schema already, and so is what it
    answers in a provider's place.
    """
    config = hcm_v3.LocalReplyConfig()
    for api in Api:
        here = (
            f"xds.route_metadata.filter_metadata['{NAMESPACE}']['api'] == '{api.value}'"
            " && response.code_details != 'direct_response'"
        )
        if asked:
            for answered in ("ext_authz_denied", attempt.REPLIED):
                here = f"{here} && response.code_details != '{answered}'"
            broken = f"{here} && response.code_details.startsWith('ext_proc_error')"
            unready = _mapper(api, _NOT_PROCESSED, broken)
            unready.status_code.value = 503
            config.mappers.append(unready)
        # The bound on one attempt is Envoy's maximal duration of a stream, and its answer is 408,
        # which would tell clients that they were too slow.
        late = _mapper(api, _ERRORS[-1], f"{here} && response.code == 408")
        late.status_code.value = 504
        config.mappers.append(late)
        # A key that is not there yet is our fault; the filter's 401 would blame the client's key.
        keyless = _mapper(
            api, _NO_KEY, f"{here} && response.code_details == 'failed_to_inject_credential'"
        )
        keyless.status_code.value = 503
        config.mappers.append(keyless)
        unsigned = f"{here} && response.code_details == 'lua_response' && response.code == 503"
        config.mappers.append(_mapper(api, _NOT_SIGNED, unsigned))
        # Envoy has no text for it, and an error without a message helps nobody.
        refused = f"{here} && response.code_details == 'upgrade_failed'"
        config.mappers.append(_mapper(api, _NO_UPGRADE, refused))
        config.mappers.extend(
            _mapper(api, error, f"{here} && response.code == {error.status}") for error in _ERRORS
        )
        config.mappers.append(_mapper(api, _OTHER, here))
    return config


def _mapper(api: Api, error: ApiError, expression: str) -> hcm_v3.ResponseMapper:
    condition = accesslog_v3.AccessLogFilter()
    condition.extension_filter.name = "envoy.access_loggers.extension_filters.cel"
    condition.extension_filter.typed_config.CopyFrom(
        pack(cel_v3.ExpressionFilter(expression=expression))
    )
    mapper = hcm_v3.ResponseMapper(filter=condition)
    mapper.body_format_override.json_format.update(error_body(api, error))
    mapper.body_format_override.content_type = JSON_TYPE
    return mapper
