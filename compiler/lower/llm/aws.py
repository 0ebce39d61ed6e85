"""Requests that Envoy signs for AWS, with credentials that it fetches by itself.

They are signed behind the edge, which has translated them by then. Without credentials Envoy would
send them unsigned; so the last filter before the wire answers 503 instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.plan_llm import Aws, AwsSource
from xds.schema import envoy
from xds.wire import pack

aws_v3 = envoy.extensions.common.aws.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
lua_v3 = envoy.extensions.filters.http.lua.v3
signing_v3 = envoy.extensions.filters.http.aws_request_signing.v3

SERVICE = "bedrock"
UNSIGNED = "gatewright_unsigned"
"""What the answer to a request without a signature says, for the mapper of local replies."""

_UNSIGNED_HEADERS = (
    "traceparent",
    "tracestate",
    "user-agent",
    "x-envoy-",
    "x-forwarded-",
    "x-request-id",
)

_CHECK = f"""\
function envoy_on_request(handle)
  if not handle:headers():get('authorization') then
    handle:respond({{ [':status'] = '503' }}, '{UNSIGNED}')
  end
end
"""


def aws_filters(aws: Aws) -> Iterator[hcm_v3.HttpFilter]:
    """Yield the filters that sign, and that see to it; none where Envoy is not who signs."""
    if aws.source is None:
        return
    config = signing_v3.AwsRequestSigning(service_name=SERVICE, region=aws.region)
    # What another hop may change or add takes no part in the signature.
    for prefix in _UNSIGNED_HEADERS:
        config.match_excluded_headers.add().prefix = prefix
    source = config.credential_provider
    source.custom_credential_provider_chain = True
    match aws.source:
        case AwsSource.PROFILE:
            file = source.credentials_file_provider
            if aws.file:  # else Envoy looks where AWS's own tools do
                file.credentials_data_source.filename = aws.file
            file.profile = aws.profile or "default"
        case AwsSource.CONTAINER:
            source.container_credential_provider.SetInParent()
        case AwsSource.INSTANCE:
            source.instance_profile_credential_provider.SetInParent()
        case AwsSource.ENVIRONMENT:
            source.environment_credential_provider.SetInParent()
    yield hcm_v3.HttpFilter(
        name="envoy.filters.http.aws_request_signing", typed_config=pack(config)
    )
    check = lua_v3.Lua()
    check.default_source_code.inline_string = _CHECK
    check.clear_route_cache.value = False
    yield hcm_v3.HttpFilter(name="gatewright.signed", typed_config=pack(check))
