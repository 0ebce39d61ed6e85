"""Drops what no client may say: Envoy's own `x-envoy-*` headers, which order retries.

Envoy removes them from requests of the outside, but takes clients on the same machine (a sidecar,
another proxy) for the inside, whatever `internal_address_config` says. Retries and timeouts are the
policy's to say, not a client's: on a chain of models each attempt costs money.
"""

from __future__ import annotations

from xds.schema import envoy
from xds.wire import pack

core_v3 = envoy.config.core.v3
mutation_v3 = envoy.extensions.http.early_header_mutation.header_mutation.v3


def drop_envoy_orders() -> core_v3.TypedExtensionConfig:
    """The mutation, which runs before Envoy looks at a request's headers."""
    mutation = mutation_v3.HeaderMutation()
    mutation.mutations.add().remove_on_match.key_matcher.prefix = "x-envoy-"
    return core_v3.TypedExtensionConfig(name="gatewright.envoy_orders", typed_config=pack(mutation))
