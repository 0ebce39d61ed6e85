"""Opens the counters that the rules name, with what is known of their secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ext_authz.counters import opening
from ext_authz.counters.counters import Counters, CountersAwayError
from xds.edge.rules import Rules


def open_counters(rules: Rules, state: Path, secret: Callable[[str], str | None]) -> Counters:
    """Give the store; ``state`` is the folder of this machine's own.

    Raises CountersAwayError where the URL is a secret that is not there yet, or is no URL: what it
    says is not in the message.
    """
    store = rules.counters
    url = (secret(store.secret) or "") if store.secret else ""
    if not store.embedded and not (store.url or url):
        raise CountersAwayError(f"the counters' URL is not known yet: secret {store.secret}")
    try:
        return opening.open_counters(store, rules.gateway, state, url)
    except ValueError:
        raise CountersAwayError("the counters' URL is not one of a Redis or Valkey") from None
    except OSError as error:
        raise CountersAwayError(f"the counters cannot be opened: {error.strerror}") from None
