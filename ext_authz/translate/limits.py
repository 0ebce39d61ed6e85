"""Rate-limit headers: what a provider tells of its limits, in the client's own words.

Sources: the rate limit guides of OpenAI (`x-ratelimit-*`, resets as durations) and of Anthropic
(`anthropic-ratelimit-*`, resets as times). `retry-after` means the same to all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from ext_authz.translate.upstream import Headers

_KINDS: Final = ("requests", "tokens")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|h|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}
_FOREIGN: Final = ("anthropic-", "x-ratelimit-", "x-amzn-", "x-goog-", "openai-")


def for_openai(headers: Mapping[str, str], now: float) -> Headers:
    """The limits as an OpenAI client reads them."""
    told: list[tuple[str, str]] = []
    if not any(name.startswith("anthropic-ratelimit-") for name in headers):
        return ()
    for kind in _KINDS:
        for name in ("limit", "remaining"):
            value = headers.get(f"anthropic-ratelimit-{kind}-{name}", "")
            if value.isdecimal():
                told.append((f"x-ratelimit-{name}-{kind}", value))
        reset = _left(headers.get(f"anthropic-ratelimit-{kind}-reset", ""), now)
        if reset is not None:
            told.append((f"x-ratelimit-reset-{kind}", _duration(reset)))
    return tuple(told)


def for_anthropic(headers: Mapping[str, str], now: float) -> Headers:
    """The limits as an Anthropic client reads them."""
    told: list[tuple[str, str]] = []
    if not any(name.startswith("x-ratelimit-") for name in headers):
        return ()
    for kind in _KINDS:
        for name in ("limit", "remaining"):
            value = headers.get(f"x-ratelimit-{name}-{kind}", "")
            if value.isdecimal():
                told.append((f"anthropic-ratelimit-{kind}-{name}", value))
        seconds = _seconds(headers.get(f"x-ratelimit-reset-{kind}", ""))
        if seconds is not None:
            at = datetime.fromtimestamp(math.ceil(now + seconds), UTC)
            told.append((f"anthropic-ratelimit-{kind}-reset", at.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return tuple(told)


@lru_cache(maxsize=64)
def foreign(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those names of headers that must not reach a client of another API.

    A provider names the same ones in each of its answers, so those of a few are kept.
    """
    return tuple([name for name in names if name.startswith(_FOREIGN)])


def _left(given: str, now: float) -> float | None:
    """The seconds until a time."""
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - now)


def _duration(seconds: float) -> str:
    """Seconds as OpenAI writes them: `1h2m3s`, `6m0s`, `1s`, `20ms`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    whole = math.ceil(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"


def _seconds(given: str) -> float | None:
    """The seconds of a duration, which some servers give as a bare number."""
    if re.fullmatch(r"\d{1,9}(\.\d+)?", given):
        return float(given)
    found = _DURATION.findall(given)
    if not found or "".join(number + unit for number, unit in found) != given:
        return None
    total = sum(float(number) * _SECONDS[unit] for number, unit in found)
    return total if total < 10**9 else None
