"""How limits stand, as headers of an answer: the tightest of each kind.

``x-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds) are of the tightest of all. Those
that end in ``-requests`` and ``-tokens`` are OpenAI's, whose reset has a unit
(platform.openai.com/docs/guides/rate-limits); clients of Anthropic's API get its own names
(docs.anthropic.com/en/api/rate-limits).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ext_authz.counters.counters import Charge, Standing
from xds.edge.limit import Unit

_GROUPS: Final = {
    Unit.REQUESTS: "requests",
    Unit.TOKENS: "tokens",
    Unit.INPUT_TOKENS: "tokens",
    Unit.OUTPUT_TOKENS: "tokens",
}
"""Money is told to nobody: not every client of a tenant is to know what is left."""


def standing_headers(
    charges: Sequence[Charge], standings: Sequence[Standing], api: str, now: float
) -> Iterator[tuple[str, str]]:
    """Yield the headers; ``now`` is in seconds since 1970."""
    tightest: dict[str, tuple[float, int, Standing]] = {}
    for charge, standing in zip(charges, standings, strict=False):
        limit = charge.limit
        group = _GROUPS.get(limit.unit)
        if group is None:
            continue
        whole = max(limit.amount, 1)
        found = (standing.remaining / whole, limit.amount, standing)
        if group not in tightest or found[0] < tightest[group][0]:
            tightest[group] = found
    if not tightest:
        return
    _, amount, standing = min(tightest.values(), key=lambda one: one[0])
    yield "x-ratelimit-limit", str(amount)
    yield "x-ratelimit-remaining", str(max(standing.remaining, 0))
    yield "x-ratelimit-reset", str(_seconds(standing))
    for group, (_, amount, standing) in sorted(tightest.items()):
        left = str(max(standing.remaining, 0))
        if api == "anthropic":
            at = datetime.fromtimestamp(now + _seconds(standing), UTC)
            yield f"anthropic-ratelimit-{group}-limit", str(amount)
            yield f"anthropic-ratelimit-{group}-remaining", left
            yield f"anthropic-ratelimit-{group}-reset", at.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif api:
            yield f"x-ratelimit-limit-{group}", str(amount)
            yield f"x-ratelimit-remaining-{group}", left
            yield f"x-ratelimit-reset-{group}", f"{_seconds(standing)}s"


def _seconds(standing: Standing) -> int:
    return -(-max(standing.reset_ms, 0) // 1000)
