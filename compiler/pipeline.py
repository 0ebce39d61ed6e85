"""The line of stages from text to snapshot, read from top to bottom.

Each stage is a pure function ``(input, Reporter) -> output``, where the input is what the stage
before it gave, or the outputs that it names; the line stops at the end of the first stage that
reported an error, so that later stages only ever see what is right.

What stands behind the plan is imported when a line comes that far: commands that only ask what the
plan says answer in half a second, and Envoy's messages alone are a good part of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from compiler.diagnostic import Diagnostic, Reporter, Severity
from compiler.link import link
from compiler.lints.allowing import without_allowed
from compiler.load import load
from compiler.parse import parse
from compiler.plan import Plan
from compiler.planning import planning
from compiler.read import Sources, read

if TYPE_CHECKING:
    from compiler.fleet import Fleet
    from compiler.linking.linked import Linked
    from compiler.lower.lowered import Lowered
    from xds.snapshot import Snapshot


class Stage(NamedTuple):
    """A step of the line, by the name that ``compile --emit`` and the benchmarks call it."""

    name: str
    run: Callable[..., Any]
    takes: tuple[str, ...] = ()
    """The stages whose outputs it is given; the one before it unless named."""


def _lint(linked: Linked, plan: Plan, reporter: Reporter) -> Plan:
    from compiler.lints.lint import lint

    return lint(linked, plan, reporter)


def _check_invariants(linked: Linked, plan: Plan, reporter: Reporter) -> Plan:
    from compiler.invariants.check import check_invariants

    return check_invariants(linked, plan, reporter)


def _lower(plan: Plan, reporter: Reporter) -> Lowered:
    from compiler.lower import lower

    return lower(plan, reporter)


def _check(lowered: Lowered, reporter: Reporter) -> Lowered:
    from compiler.check import check

    return check(lowered, reporter)


def _snapshot(lowered: Lowered, _reporter: Reporter) -> Snapshot:
    from xds.snapshot import snapshot

    return snapshot(lowered.resources)


def _fleet(plan: Plan, lowered: Lowered, taken: Snapshot, reporter: Reporter) -> Fleet:
    from compiler.fleet import fleet

    return fleet(plan, lowered, taken, reporter)


STAGES: tuple[Stage, ...] = (
    Stage("nodes", load),
    Stage("document", parse),
    Stage("linked", link),
    Stage("plan", planning),
    Stage("linted", _lint, takes=("linked", "plan")),
    Stage("held", _check_invariants, takes=("linked", "plan")),
    Stage("lowered", _lower),
    Stage("checked", _check),
    Stage("snapshot", _snapshot),
    Stage("fleet", _fleet, takes=("plan", "checked", "snapshot")),
)

Revision = Callable[[Plan], Plan]
"""A change of the plan before it is lowered, such as pointing every provider at a simulator."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of a compilation: the output of each stage that ran, and all diagnostics."""

    sources: Sources
    outputs: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        """Whether the line ran to its end without an error."""
        return not any(d.severity is Severity.ERROR for d in self.diagnostics)

    @property
    def plan(self) -> Plan:
        """The plan; KeyError where the line stopped before it."""
        plan: Plan = self.outputs["plan"]
        return plan

    @property
    def lowered(self) -> Lowered:
        """The checked resources with their secrets and origins; KeyError likewise."""
        lowered: Lowered = self.outputs["checked"]
        return lowered

    @property
    def snapshot(self) -> Snapshot:
        """The whole gateway's resources as bytes by type and name; KeyError likewise."""
        taken: Snapshot = self.outputs["snapshot"]
        return taken

    @property
    def fleet(self) -> Fleet:
        """What each group of nodes is served, one group at the least; KeyError likewise."""
        builds: Fleet = self.outputs["fleet"]
        return builds


def compile_sources(
    sources: Sources,
    *,
    until: str = "fleet",
    revise: Revision | None = None,
    observe: Callable[[str, Any], None] | None = None,
) -> Compiled:
    """Run the line on ``sources`` up to and with the stage ``until``.

    ``revise`` changes the plan before it is lowered. ``observe`` is told each stage's
    name and output as it ends, so that a caller may take times without the line reading a clock.
    """
    reporter = Reporter()
    outputs: dict[str, Any] = {}
    value: Any = sources
    for stage in STAGES:
        given = [outputs[name] for name in stage.takes] if stage.takes else [value]
        value = stage.run(*given, reporter)
        if stage.name == "held" and revise is not None and not reporter.failed:
            # What is judged is the policy as it is written.
            value = outputs["plan"] = revise(value)
        if observe is not None:
            observe(stage.name, value)
        if reporter.failed:
            break
        outputs[stage.name] = value
        if stage.name == until:
            break
    complete = not reporter.failed and "checked" in outputs
    told = without_allowed(reporter.diagnostics, sources.policies, complete=complete)
    return Compiled(sources, outputs, told)


def compile_path(path: Path, *, until: str = "fleet", revise: Revision | None = None) -> Compiled:
    """Read a policy file or folder and run the line on it."""
    return compile_sources(read(path), until=until, revise=revise)
