"""What `gatewright test` tells: progress, failures with their traces, coverage, JSON, JUnit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cli.junit import JunitCase
from compiler.expectations.coverage import Coverage
from compiler.expectations.judge import UNSET, Difference
from compiler.expectations.run import Result
from compiler.render.mask import mask, mask_header
from compiler.render.terminal import printable
from compiler.render.trace import trace_data, trace_text
from compiler.schema.given import NONE

PASSED, FAILED, SKIPPED, ERROR = "passed", "failed", "skipped", "error"
"""How a case went; an error is Gatewright's own: the real Envoy did something else."""

_LETTERS = {PASSED: ".", FAILED: "F", SKIPPED: "s", ERROR: "E"}
_JUNIT = {PASSED: "", FAILED: "failure", SKIPPED: "skipped", ERROR: "error"}


@dataclass(frozen=True, slots=True)
class Told:
    """A case as it is told: what `decide` said of it, and what the real Envoy did, if it was asked.

    ``beside`` is where Envoy differs from `decide`, ``skipped`` why Envoy was not asked.
    """

    result: Result
    seconds: float
    beside: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def name(self) -> str:
        """The name of the case, as it may be shown."""
        return printable(mask(self.result.case.name))

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is not as expected, as it may be shown."""
        return tuple(map(_masked, self.result.differences))

    @property
    def outcome(self) -> str:
        """One of the words above; what a test expects comes before what Envoy did."""
        if not self.result.passed:
            return FAILED
        if self.beside:
            return ERROR
        return SKIPPED if self.skipped else PASSED


def dots(told: Sequence[Told]) -> Iterator[str]:
    """One line a file: a letter for each case."""
    by_file: dict[str, list[Told]] = {}
    for one in told:
        by_file.setdefault(one.result.case.at.file, []).append(one)
    for file, ones in by_file.items():
        yield f"{file} {''.join(_LETTERS[one.outcome] for one in ones)}"


def lines(told: Sequence[Told]) -> Iterator[str]:
    """One line a case."""
    for one in told:
        case = one.result.case
        why = f" ({one.skipped})" if one.outcome == SKIPPED else ""
        yield f"{case.at.file}:{case.at.line} {one.name} {one.outcome.upper()}{why}"


def failures(told: Sequence[Told]) -> Iterator[str]:
    """What went wrong, case by case: expected and got, and the trace."""
    for one in told:
        if one.outcome in (FAILED, ERROR):
            yield f"____ {one.name} ____"
            yield from _failure(one)
            yield ""


def summary(told: Sequence[Told], seconds: float) -> str:
    """The last line: `1 failed, 2 passed in 0.05s`."""
    counts = Counter(one.outcome for one in told)
    words = [f"{counts[word]} {word}" for word in (FAILED, ERROR, PASSED, SKIPPED) if counts[word]]
    return f"{', '.join(words) or 'no tests'} in {seconds:.2f}s"


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """What is touched of each kind, and what is not with its place."""
    yield "coverage"
    kinds = dict.fromkeys(part.kind for part in coverage.parts)
    for kind in kinds:
        parts = [part for part in coverage.parts if part.kind == kind]
        touched = sum(part.touched for part in parts)
        yield f"  {kind + 's':12} {touched:>4} of {len(parts)}"
    missed = coverage.missed
    if missed:
        yield "no test touches"
        widths = (max(len(p.kind) for p in missed), max(len(p.name) for p in missed))
        for part in missed:
            yield f"  {part.kind:{widths[0]}}  {part.name:{widths[1]}}  {part.at}"
    yield f"total {coverage.percent:.0f} %"


def data(told: Sequence[Told], coverage: Coverage | None, seconds: float) -> dict[str, Any]:
    """All of it as plain data."""
    counts = Counter(one.outcome for one in told)
    shown: dict[str, Any] = {
        "counts": {word: counts[word] for word in (PASSED, FAILED, ERROR, SKIPPED)},
        "seconds": round(seconds, 3),
        "cases": [_case_data(one) for one in told],
    }
    if coverage is not None:
        shown["coverage"] = {
            "percent": round(coverage.percent, 1),
            "parts": [
                {"kind": p.kind, "name": p.name, "touched": p.touched, "at": str(p.at)}
                for p in coverage.parts
            ],
        }
    return shown


def junit_cases(told: Sequence[Told]) -> list[JunitCase]:
    """The same for JUnit XML."""
    found = []
    for one in told:
        case = one.result.case
        first, *_ = [*_said(one), one.skipped]
        text = "\n".join(_failure(one)) if one.outcome in (FAILED, ERROR) else ""
        found.append(
            JunitCase(
                one.name,
                f"{case.at.file}:{case.at.line}",
                one.seconds,
                _JUNIT[one.outcome],
                first,
                text,
            )
        )
    return found


def _failure(one: Told) -> Iterator[str]:
    result = one.result
    yield f"{result.case.at}"
    if one.beside:
        yield "Envoy did something else than gatewright says; please report it:"
        yield from (f"  {said}" for said in one.beside)
    width = max((len(difference.what) for difference in result.differences), default=0)
    for difference in one.differences:
        blank = " " * width
        yield f"  {difference.what:{width}}  expected  {difference.expected}"
        yield f"  {blank}  got       {difference.got}"
    yield trace_text(result.outcome.trace, result.request, result.outcome.world)


def _masked(difference: Difference) -> Difference:
    _, _, header = difference.what.partition("headers.")
    expected, got = (
        mask_header(header, value) if header and value not in (NONE, UNSET) else mask(value)
        for value in (difference.expected, difference.got)
    )
    return replace(difference, expected=printable(expected), got=printable(got))


def _said(one: Told) -> Iterator[str]:
    for difference in one.differences:
        yield f"{difference.what}: expected {difference.expected}, got {difference.got}"
    yield from one.beside


def _case_data(one: Told) -> dict[str, Any]:
    result = one.result
    return {
        "name": one.name,
        "at": str(result.case.at),
        "outcome": one.outcome,
        "seconds": round(one.seconds, 6),
        "differences": [
            {"what": d.what, "expected": d.expected, "got": d.got} for d in one.differences
        ],
        "envoy": list(one.beside),
        "skipped": one.skipped or None,
        "trace": trace_data(result.outcome.trace, result.request, result.outcome.world),
    }
