"""Opens the store of counters that the rules name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ext_authz.counters.counters import Counters
from xds.edge.rules import CounterStore

FILE: Final = "counters.db"
"""The embedded store's file in the edge's folder, which its processes share."""


def open_counters(store: CounterStore, gateway: str, folder: Path, url: str = "") -> Counters:
    """Open a store, without waiting for it; raises ValueError and OSError for a URL of no use.

    ``url`` is the content of the store's secret, where its URL is one.
    """
    if store.embedded:
        from ext_authz.counters.embedded import EmbeddedCounters

        return EmbeddedCounters(folder / FILE, store.timeout_ms)
    from ext_authz.counters.valkey import ValkeyCounters

    return ValkeyCounters((store.url or url).strip(), gateway, store.timeout_ms)
