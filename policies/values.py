"""The value types of the language, in one place to import from.

Every type is a plain Python type with a validator that runs before pydantic's own, raises
``PydanticCustomError(code, message, {"hint": ...})``, and carries its JSON Schema (pattern,
description, examples), so that compiler and editors refuse the same texts.
"""

from policies.hosts import Host, HostAndPort, HostPort, IpAddress, Port, is_host, is_ip
from policies.limit_text import Burst, Limited, Money, Tokens
from policies.networks import Network
from policies.refusal import refuse, shown
from policies.regex import Regex
from policies.secret_source import SecretSource
from policies.timestamp import Timestamp
from policies.units import Duration, Percentage, Share, Size, Timeout
from policies.words import HeaderName, HeaderValue, Method, ModelName, Name

__all__ = [
    "Burst",
    "Duration",
    "HeaderName",
    "HeaderValue",
    "Host",
    "HostAndPort",
    "HostPort",
    "IpAddress",
    "Limited",
    "Method",
    "ModelName",
    "Money",
    "Name",
    "Network",
    "Percentage",
    "Port",
    "Regex",
    "SecretSource",
    "Share",
    "Size",
    "Timeout",
    "Timestamp",
    "Tokens",
    "is_host",
    "is_ip",
    "refuse",
    "shown",
]
