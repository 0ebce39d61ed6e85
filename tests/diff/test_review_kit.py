"""The ten pull requests of examples/review: the comment for each, as it is kept beside it."""

import os

import pytest

from compiler.diff.change import Severity
from compiler.diff.markdown import render_markdown
from compiler.diff.recorded import read_usage
from compiler.diff.review import review
from compiler.pipeline import compile_sources
from compiler.read import read
from tests.conftest import REPOSITORY

KIT = sorted(path.parent for path in (REPOSITORY / "examples" / "review").glob("*/before"))
LEADING = {
    "01-tier-loses-a-model": "3 tenants of tier <code>free</code>: lose model <code>fast</code>",
    "02-fallback-order-swapped": "no longer after <code>rate\\_limited",
    "03-redaction-removed": "redaction: no longer covers",
    "04-key-revoked": "key <code>acme/laptop</code>: is revoked",
    "05-budget-raised": "budget 500 USD/month",
    "06-route-made-public": "is open to anybody",
    "07-provider-renamed": "is called <code>openai-eu</code> now",
    "08-service-moved": "orders.eu.internal:8443",
    "09-split-90-10": "api.anthropic.com, an external host",
    "10-inhouse-first": "inhouse/llama-3.3-70b",
}


def reviewed(folder, monkeypatch):
    monkeypatch.chdir(folder)
    sides = []
    for side in ("before", "after"):
        compiled = compile_sources(read(folder.relative_to(folder) / side), until="checked")
        assert compiled.ok, compiled.diagnostics
        sides.append(compiled)
    usage = folder / "usage.json"
    used = read_usage(usage.read_text()) if usage.exists() else None
    return review(*sides, names=("before", "after"), usage=used)


@pytest.mark.parametrize("folder", KIT, ids=lambda path: path.name)
def test_the_comment_is_the_one_that_is_kept(folder, monkeypatch):
    """UPDATE_GOLDENS=1 writes them again."""
    text = render_markdown(reviewed(folder, monkeypatch))
    expected = folder / "expected.md"
    if os.environ.get("UPDATE_GOLDENS"):
        expected.write_text(text)
    assert text == expected.read_text()
    assert len(text) < 10_000


@pytest.mark.parametrize("folder", KIT, ids=lambda path: path.name)
def test_one_minute_is_enough(folder, monkeypatch):
    """What matters stands in the first ten lines, and every danger and loss does."""
    found = reviewed(folder, monkeypatch)
    head = "\n".join(render_markdown(found).splitlines()[:10])
    assert LEADING[folder.name].replace("\\_", "_") in head.replace("\\_", "_")
    bad = len(found.changes.of(Severity.DANGER)) + len(found.changes.of(Severity.LOSS))
    assert head.count("**danger**") + head.count("**loss**") == bad


def test_there_are_ten():
    assert [folder.name for folder in KIT] == sorted(LEADING)
