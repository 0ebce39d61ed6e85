"""What the layout keeps: the meaning, every comment, and itself."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.format import format_source
from compiler.pipeline import compile_sources
from compiler.read import read, sources_of
from compiler.source import SourceFile
from tests.format.policies import EXAMPLES, FILES, ROOT, comments, meaning
from tests.format.random_layouts import Writer

texts = st.one_of(
    st.sampled_from(["a", "yes", "1.40", "20 requests/minute", "env:KEY", "2036-01-31", "a: b"]),
    st.sampled_from(["- a", "# no", "a # b", "x,y", "[x", "*", "&a", "!t", "%", "@", "`", "12:30"]),
    st.sampled_from(
        ["two\nlines\n", "two\nlines", " in", "in ", "it's", 'say "x"', "\\d+", "", "é"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12),
)
keys = st.one_of(st.sampled_from(["name", "models", "routes", "match", "on", "a b"]), texts)
values = st.recursive(
    texts | st.booleans() | st.integers(0, 10**6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=16,
)


def laid_out(text: str, name: str = "gateway.yaml") -> str:
    made = format_source(SourceFile(name, text))
    if made == text:
        return made  # the same in all respects, and what is made of it would be that again
    assert meaning(made) == meaning(text)
    assert comments(made) == comments(text)
    assert format_source(SourceFile(name, made)) == made
    assert not any(line != line.rstrip() for line in made.splitlines() if "|" not in made)
    return made


@cache
def formatted(path):
    """A file of ours, laid out once for all tests."""
    return laid_out(path.read_text(), str(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_policy_of_ours(path):
    """Examples and goldens keep what they say and every comment, and twice is once."""
    formatted(path)


def untidy_policy(seed):
    chance = Random(seed)
    path = chance.choice(FILES)
    laid_out(Writer(chance).write(meaning(path.read_text())), str(path))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_any_layout_of_a_policy(seed):
    """However untidily a policy is written, its meaning and its comments stay."""
    untidy_policy(seed)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32))
def test_any_layout_of_a_policy_at_length(seed):
    """The same, for long."""
    untidy_policy(seed)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(keys, values, min_size=1, max_size=5), st.integers(0, 2**32))
@example({"a": {"b": "two\nlines\n"}}, 0)
def test_any_layout_of_anything(data, seed):
    """It holds of everything that YAML can say here, whether the language knows it or not."""
    laid_out(Writer(Random(seed)).write(data))


@pytest.mark.parametrize(
    "text",
    [
        "a: |+\n  x\nb: 1\n",
        "a: >+\n  x\n\n\nb: 1\n",
        "m:\n  - |+\n    x\n\n  - b\nz: 1\n",
        "a: |+\n  x\n\n# c\nb: 1\n",
        "a: |+\n  x\n\n\n",
        "a: |+\n\n\nb: 1\n",
    ],
)
def test_blank_lines_that_a_text_keeps(text):
    """With ``+`` they are part of it, also at the end of the file."""
    assert laid_out(text) == text


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=2000, deadline=None)
@given(st.dictionaries(keys, values, min_size=1, max_size=5), st.integers(0, 2**32))
def test_any_layout_of_anything_at_length(data, seed):
    """The same, for long."""
    laid_out(Writer(Random(seed)).write(data))


def widened(path):
    made = formatted(path)
    wide = "\n".join(line.replace(": ", ":   ", 1) if "#" not in line else line for line in
                     made.split("\n"))  # fmt: skip
    if meaning(wide) == meaning(made):
        assert laid_out(wide) == made


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(FILES))
def test_one_meaning_has_one_layout_but_for_brackets(path):
    """What is written without comments comes out alike, whatever spaces and quotes it had."""
    widened(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_meaning_has_one_layout_but_for_brackets(path):
    """The same of each file of ours."""
    widened(path)


def compiles_to_the_same(folder):
    sources = read(folder)
    files = {
        source.name.removeprefix(sources.root): source.text
        for source in (*sources.policies, *sources.endpoints)
    }
    untidy = {name: Writer(Random(name)).write(meaning(text)) for name, text in files.items()}
    made = {name: format_source(SourceFile(name, text)) for name, text in untidy.items()}
    assert made != files
    before, after = compile_sources(sources_of(files)), compile_sources(sources_of(made))
    assert before.ok
    assert before.snapshot.version == after.snapshot.version


def test_it_compiles_to_the_same():
    """A policy that was written untidily, and is formatted, compiles to the same bytes."""
    compiles_to_the_same(ROOT / "examples" / "tenants")


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_every_example_compiles_to_the_same(folder):
    """So do all examples."""
    compiles_to_the_same(folder)


@pytest.mark.parametrize(
    "path", [one for one in FILES if one.name == "in.yaml"], ids=lambda path: path.parent.name
)
def test_goldens_compile_to_the_same(path):
    """So do the goldens, whose texts are written in other orders."""
    text, made = path.read_text(), formatted(path)
    before, after = (
        compile_sources(sources_of({"in.yaml": one}), until="plan") for one in (text, made)
    )
    assert after.ok
    assert not [d for d in after.diagnostics if d.code not in {o.code for o in before.diagnostics}]


@pytest.mark.parametrize("path", [one for one in FILES if "examples" in one.parts], ids=str)
def test_examples_are_laid_out_so(path):
    """What people learn from is as `gatewright fmt` writes it."""
    assert formatted(path) == path.read_text()
