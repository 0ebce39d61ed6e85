"""The Lua filter of a target, with the target's constants: one pass that does all of an attempt.

It stands in the upstream chain, so that each attempt begins with the client's own body: model,
path, host and length are set, usage of streams is asked for, and the answer is read for what it
used and for why it was refused. Where the edge translates, it does so behind this filter: what is
set here is then set anew.
"""

from __future__ import annotations

from urllib.parse import quote

from compiler.lower.llm.lua import attempt_source, json_string
from compiler.lower.llm.names import (
    ATTEMPT_HEADER,
    COOLING,
    COOLING_HEADER,
    NAMESPACE,
    RETRY_HEADER,
    WAIT_HEADER,
    cluster_name,
)
from compiler.plan_llm import FORMS, Endpoint, Provider, Speech, Target, Url
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
lua_v3 = envoy.extensions.filters.http.lua.v3

_DEFAULT_PORTS = {"http": 80, "https": 443}

STREAM_USAGE = (Endpoint.CHAT_COMPLETIONS.value, Endpoint.COMPLETIONS.value)
"""Operations whose streams tell usage only when they are asked to (``stream_options``)."""


def attempt_filter(provider: Provider, target: Target) -> hcm_v3.HttpFilter:
    """The filter; its name is the key under which a route tells it the operation."""
    price = target.price
    cached = None if price is None else price.cached_input
    path, deployment, version = _azure(provider, target)
    source = attempt_source(
        {
            "namespace": NAMESPACE,
            "cluster": cluster_name(target),
            "model": json_string(target.model),
            "name": target.model,
            "path": path,
            "deployment": deployment,
            "version": version,
            "authority": authority(provider.url),
            "stream_usage": STREAM_USAGE,
            "forms": tuple(sorted(FORMS)),
            "retry_header": RETRY_HEADER,
            "wait_header": WAIT_HEADER,
            "attempt_header": ATTEMPT_HEADER,
            "cooling_header": COOLING_HEADER,
            "cooling": COOLING,
            "price_input": None if price is None else price.input,
            "price_cached": None if price is None else price.input if cached is None else cached,
            "price_output": None if price is None else price.output,
        }
    )
    config = lua_v3.Lua()
    config.default_source_code.inline_string = source
    config.clear_route_cache.value = False  # an attempt never chooses another route
    return hcm_v3.HttpFilter(name=NAMESPACE, typed_config=pack(config))


def _azure(provider: Provider, target: Target) -> tuple[str, str | None, str | None]:
    """The path before an operation, what stands between for a deployment, and the query.

    Source: Azure OpenAI's REST reference; with no version its `v1` paths, which are OpenAI's own.
    """
    if provider.speech is not Speech.AZURE:
        return provider.url.path, None, None
    if not provider.api_version:
        return f"{provider.url.path}/openai/v1", None, None
    deployment = f"/deployments/{quote(target.model, safe='')}"
    version = f"?api-version={quote(provider.api_version, safe='')}"
    return f"{provider.url.path}/openai", deployment, version


def authority(url: Url) -> str:
    """The Host that a provider is called by: the port only where it is not the scheme's own."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == _DEFAULT_PORTS[url.scheme] else f"{host}:{url.port}"
