"""What is known of a request while it is decided: it grows step by step, and ends as a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from compiler.decide.laid import Laid
from compiler.decide.paths import Normal
from compiler.decide.request import Request
from compiler.decide.trace import Decider, Identity, Step, Trace, Verdict
from compiler.decide.world import World
from compiler.plan import Listener, Route
from compiler.source import Span

Draw = Callable[[], float]
"""Where a draw among shares falls, from 0 to below 1."""


@dataclass(slots=True, eq=False)
class Telling:
    """One request on its way."""

    laid: Laid
    request: Request
    world: World
    listener: Listener
    steps: list[Step] = field(default_factory=list)
    path: Normal = field(default_factory=lambda: Normal("/"))
    scheme: str = "http"
    host: str | None = None
    route: Route | None = None
    identity: Identity | None = None
    verdicts: tuple[Verdict, ...] = ()
    operation: str | None = None
    model: str | None = None
    draw: Draw = field(init=False)

    def __post_init__(self) -> None:
        draws = cycle(self.world.draws or (0.0,))
        self.draw = lambda: next(draws)

    def step(self, about: str, text: str, at: Span | None = None) -> None:
        """Note a decision."""
        self.steps.append(Step(about, text, at))

    def end(self, decider: Decider, status: int | None, **more: Any) -> Trace:
        """Make the trace."""
        return Trace(
            tuple(self.steps),
            decider,
            status,
            self.listener.name,
            host=self.host,
            route=None if self.route is None else self.route.name,
            identity=self.identity,
            verdicts=self.verdicts,
            operation=self.operation,
            model=self.model,
            **more,
        )
