"""What a limit counts of a request for a model, and whom by address: edge and evaluator alike."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from xds.edge.limit import Unit

_PICO: Final = 1_000  # pico-USD in a nano-USD
_SITE: Final = 64
"""Bits of an IPv6 address that a client has no choice of; the rest it may change as it likes."""


def taken(unit: Unit, tokens_in: int, tokens_out: int, pico: int) -> int:
    """Give what is taken of a limit, in its unit, by tokens that cost ``pico`` pico-USD.

    At least one: a budget that is used up refuses what seems to cost nothing, too.
    """
    match unit:
        case Unit.REQUESTS | Unit.CONCURRENT:
            return 1
        case Unit.INPUT_TOKENS:
            return max(tokens_in, 1)
        case Unit.OUTPUT_TOKENS:
            return max(tokens_out, 1)
        case Unit.TOKENS:
            return max(tokens_in + tokens_out, 1)
        case Unit.COST:
            return max(-(-pico // _PICO), 1)


@lru_cache(maxsize=65_536)
def site(client: str) -> str:
    """Name who has an address: an IPv4 address itself, the /64 of an IPv6 one; else the text."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _SITE << _SITE)}/{_SITE}"
