"""The Lua filter of a target, with the target's constants: one pass that does all of an attempt.

It stands in the upstream chain, so that each attempt begins with the client's own body: model,
path, host and length are set, usage of streams is asked for, and the answer is read for what it
used and for why it was refused.
"""

from __future__ import annotations

from compiler.lower.llm.lua import attempt_source, json_string
from compiler.lower.llm.names import NAMESPACE, RETRY_HEADER
from compiler.plan_llm import Api, Endpoint, Provider, Target, Url
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
    source = attempt_source(
        {
            "namespace": NAMESPACE,
            "model": json_string(target.model),
            "path": provider.url.path,
            "authority": authority(provider.url),
            "stream_usage": STREAM_USAGE if provider.api is Api.OPENAI else (),
            "retry_header": RETRY_HEADER,
            "price_input": None if price is None else price.input,
            "price_cached": None if price is None else price.input if cached is None else cached,
            "price_output": None if price is None else price.output,
        }
    )
    config = lua_v3.Lua()
    config.default_source_code.inline_string = source
    config.clear_route_cache.value = False  # an attempt never chooses another route
    return hcm_v3.HttpFilter(name=NAMESPACE, typed_config=pack(config))


def authority(url: Url) -> str:
    """The Host that a provider is called by: the port only where it is not the scheme's own."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == _DEFAULT_PORTS[url.scheme] else f"{host}:{url.port}"
