"""The generated pages: what --check sees, and how schemas read."""

from __future__ import annotations

import pytest

from docs import generate
from docs.schema_words import default_words, words


def test_a_page_is_stale_when_it_was_edited_by_hand_and_only_then(tmp_path, monkeypatch):
    """Writing twice gives the same bytes, so `make check` cannot fail after `make docs`.

    The check shows the lines that differ, so one sees which docstring to edit.
    """
    # The page of lints compiles hundreds of policies: `make check` holds it.
    quick = tuple(page for page in generate.PAGES if page[0] != "lints.md")
    monkeypatch.setattr(generate, "PAGES", quick)
    generate.write(tmp_path)
    page = tmp_path / "commands.md"
    page.write_text(page.read_text().replace("# Commands", "# Kommandos"))
    (diff,) = generate.stale(tmp_path)
    assert "-# Kommandos\n+# Commands\n" in diff
    assert diff.count("\n-") == 1


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"default": "PT2S", "type": "string"}, "`2s`"),
        ({"default": "PT10M", "type": "string"}, "`10m`"),
        ({"default": "PT0.025S", "type": "string"}, "`25ms`"),
        ({"default": "PT0S", "type": "string"}, "`none`"),
        ({"default": 32 << 20, "type": "string"}, "`32 MiB`"),
        ({"default": 20, "type": "string", "examples": ["20%"]}, "`20%`"),
        ({"default": False, "type": "boolean"}, "`false`"),
        ({"default": ["a", "b"], "type": "array"}, "`[a, b]`"),
        ({"default": None}, ""),
        ({"type": "string"}, ""),
    ],
)
def test_defaults_read_as_they_would_be_written(schema, expected):
    """A default is shown in the language's own units."""
    assert default_words(schema) == expected


def test_a_shorthand_reads_as_an_alternative():
    """A key that takes a text or a mapping says both, with the mapping linked."""
    schema = {"anyOf": [{"type": "string", "examples": ["/v1"]}, {"$ref": "#/$defs/Match"}]}
    assert words(schema, "<{}>".format) == "text such as `/v1` or <Match>"
