"""Effort and budget: two ways to say how much a model reasons, and the way from one to the other.

No provider publishes a table; the budgets lie in the ranges of the providers' guides, at least
1,024 (Anthropic's smallest) and at most 24,576 (the largest of Gemini 2.5 Flash).
"""

from __future__ import annotations

from typing import Final

from ext_authz.translate.conversation import Effort, Thinking

_BUDGETS: Final[dict[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 24576,
}
_EFFORTS: Final[tuple[tuple[int, Effort], ...]] = (
    (0, "none"),
    (4095, "low"),
    (16383, "medium"),
)


def budget_of(thinking: Thinking) -> int | None:
    """The tokens to reason with; 0 is not to reason, None is that nothing was said."""
    if thinking.disabled:
        return 0
    if thinking.budget is not None:
        return thinking.budget
    if thinking.effort is not None:
        return _BUDGETS[thinking.effort]
    return _BUDGETS["medium"] if thinking.adaptive else None


def effort_of(thinking: Thinking) -> Effort | None:
    """How hard to reason; None is that nothing was said."""
    if thinking.effort is not None:
        return thinking.effort
    if thinking.disabled:
        return "none"
    if thinking.budget is not None:
        return next((effort for most, effort in _EFFORTS if thinking.budget <= most), "high")
    return None
