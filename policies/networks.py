"""Networks as policies write them: `10.0.0.0/8`, or one address."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from policies.refusal import refuse, shown


def parse_network(value: Any) -> str:
    """Read a network in CIDR notation; an address is the network of itself alone.

    Raises:
        PydanticCustomError: ``bad-network``.
    """
    hint = "write `10.0.0.0/8`, `2001:db8::/32` or one address"
    if not isinstance(value, str):
        return refuse("bad-network", f"{shown(value)} is no network", hint)
    try:
        found = ip_interface(value)
    except ValueError:
        return refuse("bad-network", f"{shown(value)} is no network", hint)
    if "%" in value:
        refuse("bad-network", f"{shown(value)} has a zone, which other machines do not know", hint)
    network = found.network
    if found.ip != network.network_address:
        refuse(
            "bad-network",
            f"{shown(value)} is an address in a network, and not its beginning",
            f"write `{network}` for the network, or `{found.ip}` for the address",
        )
    return str(network)


Network = Annotated[
    str,
    BeforeValidator(parse_network),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$",
            "description": "A network in CIDR notation, or an address.",
            "examples": ["10.0.0.0/8", "2001:db8::/32"],
        }
    ),
]
"""``10.0.0.0/8``, in its canonical spelling."""
