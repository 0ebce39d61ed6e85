"""Recorded requests explained: what the log says, and what the policy says of them now."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from cli import exits

if TYPE_CHECKING:
    from compiler.plan import Plan
    from compiler.recorded.line import Recorded


def explain_log(file: str, plan: Plan, *, as_json: bool) -> int:
    """Explain each line of a log, `-` is standard input; exit code 1 where none can be read."""
    from cli.log_lines import BadLine, log_lines
    from compiler.decide.decide import decide
    from compiler.recorded.again import asked_again
    from compiler.render.trace import trace_data, trace_text

    count = bad = 0
    for one in log_lines(file):
        if isinstance(one, BadLine):
            bad += 1
            print(f"gatewright explain: {one}", file=sys.stderr)
            continue
        request, world = asked_again(one, plan)
        trace = decide(plan, request, world)
        if as_json:
            shown = {"recorded": _recorded(one), **trace_data(trace, request, world)}
            print(json.dumps(shown, ensure_ascii=False))
        else:
            print("\n" * bool(count) + trace_text(trace, request, world))
            print(f"recorded: {_told(one)}")
        count += 1
    return exits.OK if count or not bad else exits.POLICY


def _recorded(line: Recorded) -> dict[str, Any]:
    return {
        "request_id": line.id,
        "time": None if line.at is None else line.at.isoformat(),
        "status": line.status,
        "route": line.route,
        "target": line.target or None,
        "attempts": line.attempts,
        "failure": line.failure or None,
    }


def _told(line: Recorded) -> str:
    from compiler.render.terminal import printable

    words = ["no answer" if line.status is None else str(line.status)]
    if line.target or line.upstream:
        words.append(f"from {line.target or line.upstream}")
    if line.attempts > 1:
        words.append(f"after {line.attempts} attempts")
    if line.failure:
        words.append(f"({line.failure})")
    if line.id:
        words.append(f"request {line.id}")
    return printable(" ".join(words))
