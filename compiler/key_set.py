"""Key sets of issuers (RFC 7517): public keys, and nothing else."""

from __future__ import annotations

import json
from typing import Any

_PRIVATE = ("d", "k", "p", "q")  # of RFC 7518: parts of private and of symmetric keys

HINTS = {
    "bad-key-set": 'it is what an issuer publishes: `{"keys": [{"kty": "RSA", ...}]}` (RFC 7517)',
    "inline-secret": "write the public keys alone; if this one was committed, replace it",
}
"""What to do about each fault."""


def fault_of(text: str) -> tuple[str, str] | None:
    """Give the code and the words for what is wrong with a key set; nothing of it is echoed."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "bad-key-set", "is no JSON"
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not keys:
        return "bad-key-set", "holds no keys"
    for key in keys:
        if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
            return "bad-key-set", "holds something that is no key"
        if any(part in key for part in _PRIVATE):
            return "inline-secret", "holds a private key, with which anybody can make tokens"
    return None
