"""What a failure means to a chain: the trigger, in the policy's words, for which it goes on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ext_authz.translate.errors import Failure, Kind

_SERVER: Final = "server_error"
_OF_KIND: Final[dict[Kind, tuple[str, ...]]] = {
    "rate_limited": ("rate_limited",),
    # A quota that is used up is a 429 too, and another provider has its own.
    "billing": ("rate_limited",),
    "overloaded": ("overloaded", _SERVER),
    "timeout": ("timeout", _SERVER),
    "server": (_SERVER,),
    "cut": ("connect_failure", _SERVER),
    "context_exceeded": ("context_exceeded",),
    "content_filter": ("content_filter",),
}


def trigger_of(failure: Failure, on: Collection[str]) -> str:
    """Give the first of a chain's triggers that a failure is; empty where it is none of them."""
    words = _OF_KIND.get(failure.kind, ())
    if failure.status >= 500:
        words = (*words, _SERVER)
    return next((word for word in words if word in on), "")
