"""Text for people: marks stand below what they mean, whatever the line is made of."""

from __future__ import annotations

import unicodedata
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostic import Diagnostic, Label, Severity
from compiler.lines import Lines
from compiler.read import Sources, sources_of
from compiler.render import render, render_text, summary
from compiler.render.page import drawn
from compiler.source import SourceFile, Span


def span(line, column, end_line, end_column, file="a.yaml"):
    return Span(file, line, column, end_line, end_column)


def said(text, at, *labels, message="it is wrong", note="this", hint=None, **files):
    one = Diagnostic("bad-thing", Severity.ERROR, message, at, note, labels, hint)
    return render_text([one], sources_of({"a.yaml": text, **files}))


def block(text):
    return dedent(text).lstrip("\n")


def test_a_mark_below_its_text():
    """The form of DESIGN: code, place, line, mark, help."""
    shown = said("name: Edge\n", span(1, 7, 1, 11), hint="write `edge`")
    assert shown == block("""
        error[bad-thing]: it is wrong
         --> a.yaml:1:7
          |
        1 | name: Edge
          |       ^^^^ this
          = help: write `edge`
    """)


def test_the_gutter_is_as_wide_as_the_largest_number():
    """Numbers of two lengths stand right-aligned."""
    text = "\n" * 8 + "a: 1\nb: 2\n"
    shown = said(text, span(10, 1, 10, 2), Label(span(9, 1, 9, 2), "that"))
    assert shown == block("""
        error[bad-thing]: it is wrong
          --> a.yaml:10:1
           |
         9 | a: 1
           | - that
        10 | b: 2
           | ^ this
    """)


def test_lines_that_are_left_out_are_hinted_at():
    """Dots stand for the lines between."""
    shown = said("a: 1\nb: 2\nc: 3\n", span(3, 1, 3, 2), Label(span(1, 1, 1, 2), "that"))
    assert "1 | a: 1\n  | - that\n...\n3 | c: 3\n  | ^ this\n" in shown


def test_a_label_in_another_file_has_a_snippet_of_its_own():
    """Both places are shown, the first one first."""
    label = Label(span(2, 1, 2, 2, "b.yaml"), "first given here")
    shown = said("x: 1\n", span(1, 1, 1, 2), label, **{"b.yaml": "y: 1\nx: 2\n"})
    assert shown == block("""
        error[bad-thing]: it is wrong
         --> a.yaml:1:1
          |
        1 | x: 1
          | ^ this
         ::: b.yaml:2:1
          |
        2 | x: 2
          | - first given here
    """)


def test_a_span_of_several_lines_is_marked_at_both_ends():
    """What lies between is left out."""
    shown = said("a:\n  b: 1\n  c: 2\n  d: 3\n", span(2, 3, 4, 7))
    assert "2 |   b: 1\n  |   ^^^^\n...\n4 |   d: 3\n  |   ^^^^ this\n" in shown


def test_a_span_of_nothing_is_one_mark():
    """A place between two characters can be seen."""
    assert "1 | a:\n  |   ^ this\n" in said("a:\n", span(1, 3, 1, 3))


def test_tabs_are_drawn_as_spaces():
    """Marks are right whatever the terminal's tab stops are."""
    assert "1 | a:  b   c\n  |         ^ this\n" in said("a:\tb\tc\n", span(1, 6, 1, 7))


def test_wide_characters_have_two_marks():
    """A terminal draws them two columns wide."""
    assert '1 | "日本": x\n  |  ^^^^ this\n' in said('"日本": x\n', span(1, 2, 1, 4))


def test_combining_characters_have_no_mark_of_their_own():
    """A letter with an accent is one column wide, however it is written."""
    assert "  |       ^ this\n" in said("cafe\u0301: x\n", span(1, 8, 1, 9))


def test_a_line_of_four_megabytes_is_cut_around_the_mark():
    """What is shown fits a screen."""
    text = "a: [" + "x, " * 1_000_000 + "y]\n"
    shown = said(text, span(1, 1_500_002, 1, 1_500_003))
    assert max(map(len, shown.splitlines())) < 140
    assert "\u2026" in shown


def test_control_characters_do_not_reach_the_terminal():
    """A policy cannot paint over what is said about it, neither in a line nor in a message."""
    shown = said("a: \x1b[2J\x9b\u202eb\n", span(1, 1, 1, 2), message="no \x1b]0;x\x07\nb")
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf") for c in shown)


def test_without_a_place():
    """A fault of the whole policy has no lines."""
    one = Diagnostic("no-such-file", Severity.ERROR, "there is none", hint="name one")
    shown = render_text([one], Sources(()))
    assert shown == "error[no-such-file]: there is none\n  = help: name one\n"


def test_without_the_source():
    """A place in a file that is not at hand is still named, and so is what is said about it."""
    shown = render_text(
        [Diagnostic("a-b", Severity.NOTE, "so", span(3, 1, 3, 2), "here")], Sources(())
    )
    assert shown == "note[a-b]: so\n --> a.yaml:3:1\n  = here\n"


def test_colours_only_when_asked():
    """Logs get plain text, and colour changes nothing but colour."""
    one = Diagnostic("a-b", Severity.WARNING, "so", span(1, 1, 1, 2), "here", hint="x")
    sources = sources_of({"a.yaml": "a: 1\n"})
    plain = render([one], sources, "text")
    colored = render([one], sources, "text", color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;33mwarning" in colored
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;36m"):
        colored = colored.replace(code, "")
    assert colored == plain


def test_several_diagnostics_have_an_empty_line_between_them():
    """And nothing at all is said about nothing."""
    one = Diagnostic("a-b", Severity.NOTE, "so")
    assert render_text([one, one], Sources(())) == "note[a-b]: so\n\nnote[a-b]: so\n"
    assert render_text([], Sources(())) == ""


def test_the_summary_counts_in_words():
    """One is singular, and what is not there is not counted."""
    error, warning = (
        Diagnostic("a", severity, "b") for severity in (Severity.ERROR, Severity.WARNING)
    )
    assert summary([error, warning, error]) == "2 errors, 1 warning"
    assert summary([]) == "no findings"


def test_an_unknown_format():
    """The caller made a mistake, and is told."""
    with pytest.raises(ValueError, match="yaml"):
        render([], Sources(()), "yaml")


@given(st.text(max_size=60))
def test_a_line_has_a_column_for_each_character(line):
    """Marks can be drawn below any character of any line, and columns never go back."""
    shown = drawn(line)
    assert len(shown.columns) == len(line) + 1
    assert list(shown.columns) == sorted(shown.columns)


@given(st.text(alphabet="ab\n\r\t é日", max_size=40), st.data())
def test_an_index_and_its_position_name_the_same_character(text, data):
    """Line and column lead back to the character that they were made of."""
    lines = Lines(SourceFile("a.yaml", text))
    index = data.draw(st.integers(0, len(text)))
    line, column = lines.position(index)
    before = text[:index]
    assert line == before.count("\n") + 1
    assert column == len(before) - (before.rfind("\n") + 1) + 1
    assert lines.line(line).startswith(before.rpartition("\n")[2].rstrip("\r"))
