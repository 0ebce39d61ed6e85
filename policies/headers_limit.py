"""The largest sum of a request's headers; a larger one gets 431.

From 1 KiB to 8 MiB, in whole KiB (rounded up); default 60 KiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from policies.base import Place, PolicyKind, hcm_v3
from policies.values import Size, refuse


@dataclass(frozen=True, slots=True)
class HeadersLimit:
    """The largest sum of a request's headers, in KiB."""

    kib: int


def _in_range(size: int) -> int:
    if size > 8192 * 1024:
        refuse("bad-size", "headers are limited to 8 MiB at most", "60 KiB is the default")
    return size


def plan(size: int) -> HeadersLimit:
    """Round up to Envoy's unit."""
    return HeadersLimit(-(-size // 1024))


def patch_listener(plan: HeadersLimit, hcm: hcm_v3.HttpConnectionManager) -> None:
    """Limit the headers of each request."""
    hcm.max_request_headers_kb.value = plan.kib


KIND = PolicyKind(
    name="headers_limit",
    places=frozenset({Place.LISTENER}),
    docs=__doc__,
    document=Annotated[Size, AfterValidator(_in_range)],
    plan=plan,
    valid="32 KiB",
    invalid="16 MiB",
    invalid_code="bad-size",
    patch_listener=patch_listener,
)
