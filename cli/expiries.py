"""The compiler with a clock: what of a policy has ended, or ends soon, is told with all else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compiler.pipeline import Compiled
    from compiler.read import Sources


def with_expiries(compiled: Compiled) -> Compiled:
    """Add the warnings of keys and grants that have ended, or end within two weeks."""
    from datetime import UTC, datetime

    from compiler.expiring import expiring

    if "plan" not in compiled.outputs or not compiled.plan.tenants:
        return compiled
    ending = expiring(compiled.plan, datetime.now(UTC))
    return replace(compiled, diagnostics=(*compiled.diagnostics, *ending)) if ending else compiled


def compile_today(sources: Sources) -> Compiled:
    """Compile, and add what ends."""
    from compiler.pipeline import compile_sources

    return with_expiries(compile_sources(sources))
