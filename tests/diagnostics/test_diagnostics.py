"""Every topic of this folder says what is printed about its policies.

``UPDATE_GOLDENS=1 pytest tests/diagnostics`` writes it anew, and the difference is for review.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.render import render_text
from tests.diagnostics.cases import NOTHING, Case, cases_of, rewrite, topics

UPDATE = os.environ.get("UPDATE_GOLDENS") == "1"
CASES = [case for topic in topics() for case in cases_of(topic)]


def said_about(case: Case) -> str:
    compiled = compile_sources(sources_of(case.files), until="checked")
    return render_text(compiled.diagnostics, compiled.sources) or NOTHING


@cache
def rewritten(topic: Path) -> None:
    rewrite(topic, {case.title: said_about(case) for case in cases_of(topic)})


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_said(case):
    """The policy of a case gets exactly the diagnostics that stand below it."""
    if UPDATE:
        rewritten(case.topic)
        return
    assert case.expected is not None, "run with UPDATE_GOLDENS=1 to write what is said"
    assert said_about(case) == case.expected


@pytest.mark.parametrize("topic", topics(), ids=lambda topic: topic.stem)
def test_titles_are_unique(topic):
    """A title names one case of its topic, so that rewriting cannot mix two up."""
    titles = [case.title for case in cases_of(topic)]
    assert len(titles) == len(set(titles))
