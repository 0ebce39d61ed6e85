"""Policies as the plan holds them: by the name of their kind, each with a plan of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compiler.source import Span


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy of the kind ``kind`` (a name in ``policies.registry``) with its own plan."""

    kind: str
    plan: Any
    at: Span = field(compare=False)
