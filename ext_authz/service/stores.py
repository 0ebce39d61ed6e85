"""Opens the counters that the rules name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ext_authz.counters.counters import Counters, CountersAwayError
from xds.edge.rules import Rules


def open_counters(rules: Rules, embedded: Path, secret: Callable[[str], str | None]) -> Counters:
    """Give the store; ``embedded`` is the file of this machine's own.

    Raises CountersAwayError where the URL is a secret that is not there yet, or is no URL: what it
    says is not in the message.
    """
    store = rules.counters
    if store.embedded:
        from ext_authz.counters.embedded import EmbeddedCounters

        return EmbeddedCounters(embedded, store.timeout_ms)
    from ext_authz.counters.valkey import ValkeyCounters

    url = store.url or secret(store.secret)
    if not url:
        raise CountersAwayError(f"the counters' URL is not known yet: secret {store.secret}")
    try:
        return ValkeyCounters(url, rules.gateway, store.timeout_ms)
    except ValueError:
        raise CountersAwayError("the counters' URL is not one of a Redis or Valkey") from None
