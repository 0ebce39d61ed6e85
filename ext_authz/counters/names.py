"""The name of the counter that a request is counted in: the limit's id, and whose it is.

``tenant/acme/requests/minute`` is one counter for all; ``route/chat/requests/minute/each-key|key=
acme/ci`` is one of many. Everybody who counts (admission, the rate-limit service, the ledger) gets
names from here, so that they meet in the same counter.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from xds.edge.counted import site
from xds.edge.limit import Each, Limit

_PLAIN = re.compile(r"[A-Za-z0-9._~@:/+,-]{0,128}")


def counter_name(limit: Limit, tenant: str, team: str, key: str, user: str, client: str) -> str:
    """Name a limit's counter for one identity; what is not known of it is empty.

    ``key`` is the key's id, ``client`` an address without a port. Who has no key is counted by
    user, who has no user by key, who has neither by address; who has no team by tenant.
    """
    each = limit.each
    if each is Each.ALL:
        return limit.id
    if each is Each.TENANT:
        return f"{limit.id}|tenant={_value(tenant)}"
    if each is Each.TEAM:
        return f"{limit.id}|team={_value(f'{tenant}/{team}')}"
    if each is Each.KEY and key:
        return f"{limit.id}|key={_value(key)}"
    if each is not Each.CLIENT and user:
        return f"{limit.id}|user={_value(f'{tenant}/{user}')}"
    if each is Each.USER and key:
        return f"{limit.id}|key={_value(key)}"
    return f"{limit.id}|client={_value(site(client))}"


@lru_cache(maxsize=65_536)
def _value(text: str) -> str:
    """Write a value so that it is short and cannot be taken for another name's part."""
    if _PLAIN.fullmatch(text):
        return text
    # A subject is whatever its issuer likes: of any length, with any character.
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
