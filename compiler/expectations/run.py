"""Run the cases of a policy's tests: ask `decide`, and judge."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.expectations.asked import request_of
from compiler.expectations.case import Case
from compiler.expectations.given import quiet_moment, world_of
from compiler.expectations.judge import Difference, Outcome, judge
from compiler.plan import Plan


@dataclass(frozen=True, slots=True)
class Result:
    """A case, what was asked, what became of it, and what of that was not expected."""

    case: Case
    request: Request
    outcome: Outcome
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences


def run_case(case: Case, plan: Plan) -> Result:
    """Decide a case under a plan."""
    request = request_of(case.request, plan)
    world = world_of(case.given, plan, case.request.at or quiet_moment(plan))
    outcome = Outcome(plan, decide(plan, request, world), world)
    return Result(case, request, outcome, judge(case.expect, outcome))
