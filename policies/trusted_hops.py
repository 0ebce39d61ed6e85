"""How many proxies of yours stand in front of this listener.

With 0 (the default) the client's address is the connection's, and what clients say about
themselves in ``x-forwarded-*``, ``forwarded`` or ``x-real-ip`` is dropped. With n, the address is
the n-th from the right in ``x-forwarded-for``, and the other headers are believed: every way to
this listener must then lead through those proxies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from policies.base import Place, PolicyKind, hcm_v3
from xds.schema import envoy
from xds.wire import pack

mutation_v3 = envoy.extensions.http.early_header_mutation.header_mutation.v3

EXTENSION = "gatewright.untrusted_headers"

UNTRUSTED = (
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
)
"""What services may believe that only a proxy can know; Envoy itself sees to x-forwarded-for,
x-forwarded-proto and x-envoy-*."""


@dataclass(frozen=True, slots=True)
class TrustedHops:
    """The number of proxies before this one."""

    hops: int


def drop_untrusted(hcm: hcm_v3.HttpConnectionManager) -> None:
    """Drop, before anything looks at them, the headers that only a trusted proxy may set."""
    mutation = mutation_v3.HeaderMutation()
    for name in UNTRUSTED:
        mutation.mutations.add(remove=name)
    extension = hcm.early_header_mutation_extensions.add(name=EXTENSION)
    extension.typed_config.CopyFrom(pack(mutation))


def patch_listener(plan: TrustedHops, hcm: hcm_v3.HttpConnectionManager) -> None:
    """Believe the hops before this one, and so the headers that they set."""
    hcm.xff_num_trusted_hops = plan.hops
    if plan.hops:
        kept = [e for e in hcm.early_header_mutation_extensions if e.name != EXTENSION]
        del hcm.early_header_mutation_extensions[:]
        hcm.early_header_mutation_extensions.extend(kept)


KIND = PolicyKind(
    name="trusted_hops",
    places=frozenset({Place.LISTENER}),
    docs=__doc__,
    document=Annotated[int, Field(ge=0, le=16, examples=[1])],
    plan=TrustedHops,
    valid="1",
    invalid="-1",
    invalid_code="out-of-range",
    patch_listener=patch_listener,
)
