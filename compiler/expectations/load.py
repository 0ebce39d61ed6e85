"""Files of tests, apart from the policy that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from pydantic import ValidationError

from compiler.compose import compose
from compiler.diagnostic import Reporter
from compiler.expectations.case import Case, cases_of
from compiler.expectations.names import check_names
from compiler.lines import Lines
from compiler.node import Mapping, key_place, place, plain
from compiler.plan import Plan
from compiler.refused import refused
from compiler.schema.tests import TestsFileDocument
from compiler.source import SourceFile


def load_tests(files: Iterable[SourceFile], plan: Plan, reporter: Reporter) -> list[Case]:
    """Give the cases of files of tests about a plan; what is wrong with them is reported."""
    return [case for source in files for case in _of_file(source, plan, reporter)]


def _of_file(source: SourceFile, plan: Plan, reporter: Reporter) -> list[Case]:
    lines = Lines(source)
    before = len(reporter.diagnostics)
    root = compose(lines, reporter)
    if len(reporter.diagnostics) > before:
        return []
    if not isinstance(root, Mapping):
        hint = "it begins with `tests:`, below which the tests are listed"
        reporter.error("not-a-mapping", "a file of tests is a mapping", lines.span(0, 0), hint=hint)
        return []
    try:
        document = TestsFileDocument.model_validate(plain(root))
    except ValidationError as error:
        for diagnostic in refused(error, root, TestsFileDocument):
            reporter.add(diagnostic)
        return []
    locate = partial(place, root)
    check_names(document.tests, plan, reporter, locate, partial(key_place, root))
    return cases_of(document.tests, locate)
