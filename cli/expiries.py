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
    from compiler.lints.allowing import without_allowed

    if "plan" not in compiled.outputs or not compiled.plan.tenants:
        return compiled
    ending = expiring(compiled.plan, datetime.now(UTC))
    if not ending:
        return compiled
    # What is wrong with the comments that allow was told by the compiler.
    left = without_allowed(ending, compiled.sources.policies, complete=False)
    told = [one for one in left if one in ending]
    return replace(compiled, diagnostics=(*compiled.diagnostics, *told))


def compile_today(sources: Sources) -> Compiled:
    """Compile, and add what ends."""
    from compiler.pipeline import compile_sources

    return with_expiries(compile_sources(sources))
