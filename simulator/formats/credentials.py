"""Credentials as the providers read them: a header that holds a key."""

from __future__ import annotations

from simulator.formats.base import Call


def bearer(call: Call) -> bytes | None:
    """The token of `authorization: Bearer`, or None."""
    scheme, _, token = (call.request.header(b"authorization") or b"").partition(b" ")
    token = token.strip()
    return token if scheme.lower() == b"bearer" and token else None


def key_in(call: Call, header: bytes) -> bytes | None:
    """What a header holds, or None where it is absent or empty."""
    return (call.request.header(header) or b"").strip() or None


def is_right(call: Call, key: bytes) -> bool:
    """Whether a key is the one that the provider demands, if it demands one."""
    return call.provider.key is None or key == call.provider.key.encode()
