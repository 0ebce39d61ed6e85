"""Whatever a policy is: diagnostics, each with a place that exists, and never a traceback."""

from __future__ import annotations

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.diagnostic import Reporter
from compiler.lines import Lines
from compiler.load import load
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.render import Format, render
from tests.fuzz.policies import KEYS, VALUES, WHOLE, changed_texts, changed_trees

fuzzed = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(max_examples=3000, suppress_health_check=[HealthCheck.too_slow])


def check_places(diagnostics, sources):
    """Every span lies in its file, and begins before it ends."""
    for one in diagnostics:
        spans = [one.span, *(label.span for label in one.labels)]
        for span in filter(None, spans):
            source = sources.find(span.file)
            assert source is not None, one
            lines = Lines(source)
            assert (span.line, span.column) <= (span.end_line, span.end_column), one
            assert 1 <= span.line <= span.end_line <= len(lines), one
            if source.text:
                assert 1 <= span.column <= len(lines.line(span.line)) + 2, one
                assert 1 <= span.end_column <= len(lines.line(span.end_line)) + 2, one


def check_rendering(diagnostics, sources):
    """Every format shows them, and text is safe to print."""
    for style in Format:
        render(diagnostics, sources, style).encode()


def compile_and_check(files):
    sources = sources_of(files)
    compiled = compile_sources(sources, until="checked")
    assert compiled.ok or compiled.diagnostics
    check_places(compiled.diagnostics, sources)
    check_rendering(compiled.diagnostics, sources)
    return compiled


def load_and_check(content):
    sources = sources_of({"gateway.yaml": content})
    reporter = Reporter()
    load(sources, reporter)
    check_places(reporter.diagnostics, sources)
    check_rendering(reporter.diagnostics, sources)


def test_the_whole_policy_compiles():
    """What is changed below is right to begin with, or the changes would reach nothing."""
    assert compile_and_check({"gateway.yaml": WHOLE}).ok


@fuzzed
@given(st.binary(max_size=200))
def test_any_bytes(content):
    """Files need not be text."""
    load_and_check(content)


@fuzzed
@given(st.text(alphabet="ab:-?[]{},&*!|>'\"%@`#\\~<= \n\t0\u00e9\u2028", max_size=80))
def test_any_punctuation(content):
    """Every sign that YAML knows, in every order."""
    load_and_check(content)


@fuzzed
@given(changed_texts())
def test_a_policy_with_slips_of_the_pen(content):
    """A policy that was right, but for a few bytes."""
    compile_and_check({"gateway.yaml": content})


@fuzzed
@given(changed_trees())
def test_a_policy_with_wrong_values(tree):
    """A policy that was right, but for a few values and keys."""
    compile_and_check({"gateway.yaml": yaml.safe_dump(tree, sort_keys=False)})


@fuzzed
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_structure(tree):
    """Any values below any words of the language."""
    text = yaml.safe_dump({"gatewright": "v1", "name": "edge", **tree}, sort_keys=False)
    compile_and_check({"gateway.yaml": text})


@fuzzed
@given(st.lists(changed_texts(), min_size=2, max_size=3), st.binary(max_size=60))
def test_a_folder_of_faulty_files(contents, endpoints):
    """Faults of several files stand together."""
    files = {f"{index}.yaml": content for index, content in enumerate(contents)}
    compile_and_check({**files, "endpoints/orders.yaml": endpoints})
