"""Drops, before anything looks at them, headers that only the gateway itself may set.

Services believe `x-gatewright-tenant` and its like, so a client's own must never get that far. A
request's id names what was reserved for it: a client that chose it could have another's settled.
"""

from __future__ import annotations

from compiler.lower.accounts.names import REQUEST_ID
from compiler.lower.llm.names import IDENTITY_PREFIX
from xds.schema import envoy
from xds.wire import pack

core_v3 = envoy.config.core.v3
mutation_v3 = envoy.extensions.http.early_header_mutation.header_mutation.v3

EXTENSION = "gatewright.account_headers"


def drop_claimed(*, request_id: bool) -> core_v3.TypedExtensionConfig:
    """The mutation; with ``request_id`` a client's own id of the request goes as well."""
    mutation = mutation_v3.HeaderMutation()
    mutation.mutations.add().remove_on_match.key_matcher.prefix = IDENTITY_PREFIX
    if request_id:
        mutation.mutations.add(remove=REQUEST_ID)
    return core_v3.TypedExtensionConfig(name=EXTENSION, typed_config=pack(mutation))
