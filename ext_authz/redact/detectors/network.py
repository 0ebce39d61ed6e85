"""IP addresses that may lead to somebody: none that mean the machine itself, or any machine."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from ext_authz.redact.detector import Detector

_DIGIT: Final = re.compile(r"\d")


def _is_ipv4(text: bytes, start: int, end: int) -> bool:
    if _is_in_a_number(text, start, end):
        return False
    try:
        address = ipaddress.IPv4Address(text[start:end].decode())
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or text[start:end][:4] == b"255.")


def _is_ipv6(text: bytes, start: int, end: int) -> bool:
    """`a::b` is an address, and also half of C++: a short form must hold a group of three."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if before.isalnum() or after.isalnum() or before == b":" or after == b":":
        return False
    written = text[start:end].decode()
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    groups = [group for group in written.split(":") if group]
    return len(groups) == 8 or (
        len(groups) >= 2
        and any(len(group) >= 3 for group in groups)
        and _DIGIT.search(written) is not None
    )


def _is_in_a_number(text: bytes, start: int, end: int) -> bool:
    """Whether more numbers and dots go on to either side, as in object identifiers and versions."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (before[-1:] == b"." and before[:1].isdigit()) or (
        after[:1] == b"." and after[1:].isdigit()
    )


IP_ADDRESS: Final = Detector(
    name="ip_address",
    patterns=(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",),
    check=_is_ipv4,
)
IPV6_ADDRESS: Final = Detector(
    name="ipv6_address",
    patterns=(
        r"(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}",
        (
            r"(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?::"
            r"(?:[0-9a-fA-F]{1,4}:)*(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|[0-9a-fA-F]{1,4})"
        ),
    ),
    check=_is_ipv6,
)

FAMILY: Final = (IP_ADDRESS, IPV6_ADDRESS)
