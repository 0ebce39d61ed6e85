"""`gatewright test`: does the policy do what its tests say?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.policy import existing, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.test_report import Told
    from compiler.expectations.case import Case
    from compiler.pipeline import Compiled

NAME: Final = "test"

_EPILOG: Final = """\
examples:
  gatewright test                              the tests of the policy in this folder
  gatewright test gateway.yaml -k fallback     those with this word in their name
  gatewright test gateway.yaml more.test.yaml  those of this file alone
  gatewright test --junit report.xml --coverage --fail-under 80
  gatewright test --envoy                      and through the real Envoy, against a simulator

Tests stand in the policy's `tests:`, and in files `*.test.yaml`: all of a folder, and beside a
single gateway.yaml those whose names begin with `gateway.`. Each asks the gateway's own evaluator
what becomes of a request, so that no Envoy, no key and no network is needed. Where one fails, the
trace with the lines of the policy is shown. With --envoy each is also sent through the real Envoy;
where that does something else than the evaluator says, it is an error of gatewright's.

exit codes: 0 all is as expected; 1 it is not, or coverage is below --fail-under; 2 the policy, the
tests or the options are wrong; 3 a file cannot be read, no Envoy; 70 Envoy differs from gatewright
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `test` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="run a policy's tests: what becomes of which request",
        description="Run the tests of a policy, and show each expectation that does not hold with "
        "the trace of its request.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="the policy, a file or a folder (default: this folder), and files *.test.yaml, which "
        "are run in place of all others",
    )
    parser.add_argument("-k", metavar="WORDS", help="only tests with these words in their name")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each test")
    parser.add_argument("-x", "--exitfirst", action="store_true", help="stop at the first failure")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML too")
    parser.add_argument(
        "--coverage", action="store_true", help="tell what of the policy no test touches"
    )
    parser.add_argument(
        "--fail-under", type=_percent, metavar="PERCENT", help="fail where coverage is below that"
    )
    parser.add_argument(
        "--envoy", action="store_true", help="also send each through the real Envoy"
    )
    parser.add_argument(
        "--envoy-path", type=Path, metavar="PATH", help="the same, with the Envoy at PATH"
    )


def run(args: argparse.Namespace) -> int:
    """Run the tests; exit code 1 where one fails."""
    import time

    from compiler.pipeline import compile_path
    from compiler.read import is_tests

    began = time.perf_counter()
    files = [path for path in args.paths if is_tests(path.name)]
    policies = [path for path in args.paths if not is_tests(path.name)]
    if len(policies) > 1:
        return _usage(f"{policies[0]} and {policies[1]} are two policies: name one")
    policy = policies[0] if policies else _policy_of(files[0]) if files else Path()
    compiled = compile_path(existing(policy), until="plan")
    if not compiled.ok:
        show(compiled, "text")
        return exits.USAGE
    cases = _cases(compiled, policy, files)
    if cases is None:
        return exits.USAGE
    if args.k:
        cases = [case for case in cases if args.k.lower() in case.name.lower()]
    if not cases:
        # A pipeline whose tests are not found must not be green.
        hint = f"none has `{args.k}` in its name" if args.k else "write some below `tests:`"
        return _usage(f"there are no tests: {hint}")
    told = _decided(cases, compiled, stop=args.exitfirst)
    if args.envoy or args.envoy_path is not None:
        from cli.test_envoy import through_envoy

        told = through_envoy(told, policy, compiled, args.envoy_path)
    return _tell(args, told, compiled, time.perf_counter() - began)


def _policy_of(file: Path) -> Path:
    """Give the policy beside a file of tests: the file that it begins like, or else the folder."""
    own = file.with_name(f"{file.name.partition('.')[0]}.yaml")
    return own if own.exists() else file.parent


def _cases(compiled: Compiled, policy: Path, files: Sequence[Path]) -> list[Case] | None:
    """Give the cases of the policy and its files, or of the files named; None if one is wrong."""
    from dataclasses import replace

    from compiler.diagnostic import Reporter
    from compiler.expectations.case import cases_of
    from compiler.expectations.load import load_tests
    from compiler.expectations.names import check_names
    from compiler.read import read_tests

    read = [read_tests(existing(path)) for path in (files or [policy])]
    texts = tuple(source for one in read for source in one.policies)
    reporter = Reporter()
    for one in read:
        for problem in one.problems:
            reporter.add(problem)
    cases: list[Case] = []
    if not files:
        linked = compiled.outputs["linked"]
        tests = linked.document.tests
        check_names(tests, compiled.plan, reporter, linked.locate, linked.locate_key)
        cases = cases_of(tests, linked.locate)
    cases += load_tests(texts, compiled.plan, reporter)
    if reporter.diagnostics:
        sources = compiled.sources
        everything = replace(sources, policies=(*sources.policies, *texts))
        show(replace(compiled, sources=everything, diagnostics=tuple(reporter.diagnostics)), "text")
    return None if reporter.failed else cases


def _decided(cases: Sequence[Case], compiled: Compiled, *, stop: bool) -> list[Told]:
    import time

    from cli.test_report import Told
    from compiler.expectations.run import run_case

    told: list[Told] = []
    for case in cases:
        began = time.perf_counter()
        result = run_case(case, compiled.plan)
        told.append(Told(result, time.perf_counter() - began))
        if stop and not result.passed:
            break
    return told


def _tell(
    args: argparse.Namespace, told: Sequence[Told], compiled: Compiled, seconds: float
) -> int:
    from cli import test_report as report
    from compiler.expectations.coverage import coverage_of

    results = [one.result for one in told]
    wanted = args.coverage or args.fail_under is not None
    coverage = coverage_of(compiled.plan, results) if wanted else None
    if args.json:
        print(json.dumps(report.data(told, coverage, seconds), indent=2, ensure_ascii=False))
    else:
        for line in report.lines(told) if args.verbose else report.dots(told):
            print(line)
        print()
        for line in report.failures(told):
            print(line)
        for line in report.coverage_lines(coverage) if coverage is not None else ():
            print(line)
        print(report.summary(told, seconds))
    if args.junit is not None:
        _write_junit(args.junit, told, compiled.plan.name)
    outcomes = {one.outcome for one in told}
    if report.FAILED in outcomes:
        return exits.POLICY
    if report.ERROR in outcomes:
        return exits.BUG
    if coverage is not None and args.fail_under is not None and coverage.percent < args.fail_under:
        message = f"coverage is {coverage.percent:.1f} %, below {args.fail_under:g} %"
        print(f"gatewright test: {message}", file=sys.stderr)
        return exits.POLICY
    return exits.OK


def _write_junit(file: Path, told: Sequence[Told], suite: str) -> None:
    from datetime import UTC, datetime

    from cli.junit import junit
    from cli.test_report import junit_cases

    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    file.write_text(junit(suite, junit_cases(told), at), encoding="utf-8")


def _percent(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("a percentage is from 0 to 100")
    return value


def _usage(message: str) -> int:
    print(f"gatewright test: {message}", file=sys.stderr)
    return exits.USAGE
