"""Keys, values and cursors in any text: as the compiler reads it, where that can."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.compose import compose
from compiler.diagnostic import Reporter
from compiler.language.outline import outline, spot
from compiler.language.spot import Role
from compiler.lines import Lines
from compiler.node import Mapping, Scalar
from compiler.source import SourceFile
from tests.fuzz.policies import WHOLE
from tests.language.cursor import POLICY, spot_at

ROOT = Path(__file__).parents[2]
TEXTS = [*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("tests/golden/*/in.yaml")]


def composed(node, path=()):
    """What the compiler's own reader finds: kind, path and place of keys and scalars."""
    if isinstance(node, Scalar):
        yield "value", path, node.start, node.end
    elif isinstance(node, Mapping):
        for name, (key, value) in node.entries.items():
            yield "key", (*path, name), key.start, key.end
            yield from composed(value, (*path, name))
    else:
        for place, item in enumerate(node.items):
            yield from composed(item, (*path, place))


def agreed(text):
    """Both readings; texts over several lines have no single token."""
    root = compose(Lines(SourceFile("a.yaml", text)), Reporter())
    wanted = {
        one for one in composed(root) if "\n" not in text[one[2] : one[3]] and one[2] < one[3]
    }
    found = {(token.kind.value, token.path, token.start, token.end) for token in outline(text)}
    return found, wanted


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_read_as_the_compiler_reads_them(file):
    """Each key and value of a right text has the path and the place that the compiler gives it."""
    found, wanted = agreed(file.read_text())
    assert found == wanted


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        POLICY,
        "a:\n- b\n- c: 1\n  d: 2\n-\n  e: 3\nf: 4\n",
        "a:\n  - - 1\n    - 2\n  - 3\n",
        "a: [b, {c: d, e: [f]}, 'g, h', \"i: j\"] # k: l\nm: n\n",
        "a: {\n  b: c,\n  # d: e\n  f: [\n    g\n  ]\n}\nh: i\n",
        "a: |\n  b: c\n\n  d\ne: >-\n  f: g\nh: i\n",
        "a: b:c\nd: e#f\ng: http://h:1/i # j\n",
        "a: &x { b: c }\nd: e\n",
        "'a b': c\n\"d: e\": f\n",
        "---\na: b\n",
        "a: [b: c, d]\n",
        "a: b\r\nc:\r\n  - d\r\n",
    ],
)
def test_ways_to_write(text):
    """Blocks, brackets, quotes, literals and comments are told apart as YAML does."""
    found, wanted = agreed(text)
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "role", "path"),
    [
        ("¦", Role.KEY, ()),
        ("na¦", Role.NODE, ()),
        ("name: a\nli¦", Role.KEY, ()),
        ("name: a\n¦", Role.KEY, ()),
        ("name: ¦", Role.VALUE, ("name",)),
        ("name: ed¦", Role.VALUE, ("name",)),
        ("name: edge ¦", Role.NOTHING, ("name",)),
        ("models:\n  ¦", Role.NODE, ("models",)),
        ("models:\n  fast:\n    ¦", Role.NODE, ("models", "fast")),
        ("models:\n  fast:\n    targets: []\n    ¦", Role.KEY, ("models", "fast")),
        ("models:\n  fast:\n    targets: []\n  ¦", Role.KEY, ("models",)),
        ("models:\n  fast:\n    targets: [¦", Role.VALUE, ("models", "fast", "targets", 0)),
        ("models:\n  fast:\n    targets: [a/b, ¦", Role.VALUE, ("models", "fast", "targets", 1)),
        ("models:\n  fast:\n    targets: [a/b, c¦", Role.VALUE, ("models", "fast", "targets", 1)),
        ("models:\n  fast:\n    targets: [{ t¦", Role.KEY, ("models", "fast", "targets", 0)),
        ("models:\n  f:\n    targets:\n      - ¦", Role.NODE, ("models", "f", "targets", 0)),
        ("models:\n  f:\n    targets:\n    - a\n    - ¦", Role.NODE, ("models", "f", "targets", 1)),
        ("models:\n  f:\n    targets:\n    - a\n    ¦", Role.KEY, ("models", "f")),
        ("tenants: { acme: { tier: ¦", Role.VALUE, ("tenants", "acme", "tier")),
        ("tenants: { acme: { tier: pro, ¦", Role.KEY, ("tenants", "acme")),
        ("tenants: { acme: { tier: pro ¦", Role.NOTHING, ("tenants", "acme", "tier")),
        ("tenants: { acme: {\n    ti¦", Role.KEY, ("tenants", "acme")),
        ("routes:\n  - match: /\n    ser¦", Role.KEY, ("routes", 0)),
        ("routes:\n  - match: /\n  - ma¦", Role.NODE, ("routes", 1)),
        ("routes: [{ match: /v1, serve: llm }]\n¦", Role.KEY, ()),
        ("name: a # com¦", Role.NOTHING, ("name",)),
        ("# com¦", Role.NOTHING, ()),
        ("name: 'a¦", Role.VALUE, ("name",)),
        ("a: |\n  text¦", Role.NOTHING, ("a",)),
        # An open bracket does not swallow what comes after it.
        ("providers:\n  a: { api: openai\n  ¦", Role.KEY, ("providers",)),
        ("providers:\n  a: { api: openai\nmodels:\n  ¦", Role.NODE, ("models",)),
    ],
)
def test_cursors(text, role, path):
    """What may stand at the cursor is told by the text before it alone."""
    found = spot_at(text)
    assert (found.role, found.path) == (role, path)


def test_keys_that_are_there_are_known():
    """Nobody is offered a key twice."""
    assert spot_at("models:\n  a:\n    targets: []\n    tags: [x]\n    ¦").siblings == {
        "targets",
        "tags",
    }


@given(st.text(alphabet="ab:-[]{}'\"#,&!|> \n\t\r*é\U0001f600", max_size=60), st.integers(0, 60))
def test_any_text_is_read(text, index):
    """Tokens lie in the text, in order and apart, and there is an answer for each cursor."""
    end = 0
    for token in outline(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end
    found = spot(text, index)
    assert 0 <= found.start <= min(index, len(text))
