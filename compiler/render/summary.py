"""Count diagnostics in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from compiler.diagnostic import Diagnostic, Severity


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """Give ``2 errors, 1 warning``, or ``no findings``."""
    counts = Counter(one.severity for one in diagnostics)
    parts = [
        f"{counts[severity]} {severity.value}{'s' if counts[severity] > 1 else ''}"
        for severity in Severity
        if counts[severity]
    ]
    return ", ".join(parts) or "no findings"
