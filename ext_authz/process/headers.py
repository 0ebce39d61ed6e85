"""A client's headers that may not go on to a provider, for what they say.

Applications tell in headers who is asking (Open WebUI's `X-OpenWebUI-User-Email`, `From`). A header
has no way back, so one that holds a value is taken away as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from ext_authz.redact.redactor import Redactor


def telling(headers: Mapping[str, str], redactors: Sequence[Redactor]) -> frozenset[str]:
    """Give the names of headers in which a redactor finds a value, percent-encoded or not."""
    told = {name: _said(value) for name, value in headers.items() if name[0] != ":"}
    everything = b"\n".join(told.values())
    finding = [redactor for redactor in redactors if redactor.finds(everything)]
    if not finding:
        return frozenset()
    return frozenset(name for name, said in told.items() if any(one.finds(said) for one in finding))


def _said(value: str) -> bytes:
    raw = value.encode("latin-1", "replace")
    return raw + b"\n" + unquote(value).encode("utf-8", "replace") if "%" in value else raw
