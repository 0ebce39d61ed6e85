"""Thought signatures inside the ids of tool calls, for clients that keep nothing else.

Gemini wants the signature of a call back with it, and refuses the history without. OpenAI's
clients keep the id of a call and drop members they do not know, so the signature rides on the id,
in the alphabet that ids may have, and is taken off again before any provider sees the id.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

_MARK: Final = "__thought__"


def join_signature(call_id: str, signature: str) -> str:
    """An id that carries the signature (base64, as Gemini writes it)."""
    if not signature:
        return call_id
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return call_id
    return f"{call_id}{_MARK}{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def split_signature(call_id: str) -> tuple[str, str]:
    """The id as it was, and the signature ("" where it carries none)."""
    bare, mark, carried = call_id.partition(_MARK)
    if not mark:
        return call_id, ""
    try:
        raw = base64.urlsafe_b64decode(carried + "=" * (-len(carried) % 4))
    except (binascii.Error, ValueError):
        return bare, ""
    return bare, base64.b64encode(raw).decode()
