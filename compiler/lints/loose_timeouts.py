"""Times for a part of a request that are no shorter than those of the whole."""

from __future__ import annotations

from datetime import timedelta

from compiler.linking.findings import Findings
from compiler.linking.linked import Linked
from compiler.source import Path


def check_loose_timeouts(linked: Linked, findings: Findings) -> None:
    """Warn of them where the whole's is a default, or that of a route to a service.

    Where a model states its own, `compiler.linking.models` holds its parts against it.
    """
    defaults = linked.document.defaults
    for model in linked.models:
        if model.document.timeout is not None:
            continue
        parts: list[tuple[Path, timedelta | None]] = [
            ((*model.path, "fallback", "attempt_timeout"), model.document.fallback.attempt_timeout)
        ]
        parts += [((*one.path, "timeout"), one.timeout) for group in model.groups for one in group]
        for path, time in parts:
            if time is not None and time >= defaults.model_timeout:
                _report(path, ("defaults", "model_timeout"), "a request for a model", findings)
    for route in linked.routes:
        retries = getattr(route.document, "retries", None)
        one_try = getattr(retries, "per_try_timeout", None)
        own = getattr(route.document, "timeout", None)
        whole = defaults.timeout if own is None else own
        if one_try is not None and whole and one_try >= whole:
            parent = ("defaults", "timeout") if own is None else (*route.path, "timeout")
            path = (*route.path, "retries", "per_try_timeout")
            _report(path, parent, "a request to a service", findings)


def _report(path: Path, parent: Path, what: str, findings: Findings) -> None:
    where = f"`{parent[0]}.{parent[1]}`" if parent[0] == "defaults" else "its `timeout`"
    findings.warning(
        "unreachable-timeout",
        f"the limit is never reached: {what} has no more time, by {where}",
        path,
        hint="lower it, or give the request more time",
    )
