"""Commits and tags from their raw bytes, whatever others wrote into them."""

from __future__ import annotations

import pytest

from cli.sources.git_object import commit, printable, tag

TREE = b"tree " + b"a" * 40 + b"\n"


@pytest.mark.parametrize(
    ("line", "authored"),
    [
        (b"author Ada <a@x> 1772362800 +0100", "2026-03-01T12:00:00+01:00"),
        (b"author Ada <a@x> 0 -0330", "1969-12-31T20:30:00-03:30"),
        (b"author 1 2 <> 3 4 <a@x> 0 +0000", "1970-01-01T00:00:00+00:00"),
        (b"author Ada <a@x> 999999999999999 +0000", ""),
        (b"author Ada <a@x> 0 +9999", ""),
        (b"author Ada", ""),
        (b"committer Ada <a@x> 0 +0000", ""),
    ],
)
def test_the_author_date_keeps_its_offset(line, authored):
    """And one that cannot be is none."""
    assert commit(TREE + line + b"\n\nmessage\n").authored == authored


def test_a_signature_is_a_header_and_not_a_word_of_the_message():
    """A message may say what it likes."""
    author = b"author Ada <a@x> 0 +0000\n"
    said = b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n"
    assert not commit(TREE + author + said).signed
    assert commit(TREE + author + b"gpgsig -----BEGIN SSH SIGNATURE-----\n x\n\nm\n").signed


def test_a_tag_says_its_own_name():
    """The one that its signature covers."""
    raw = b"object " + b"a" * 40 + b"\ntype commit\ntag v1\ntagger Ada <a@x> 0 +0000\n\nm\n"
    assert (tag(raw).name, tag(raw).signed) == ("v1", False)
    assert tag(raw + b"-----BEGIN SSH SIGNATURE-----\nx\n").signed


def test_what_others_wrote_does_nothing_to_a_terminal():
    """No escape sequences, no second line, not too long."""
    assert printable("a\x1b[31mb\nc\u202ed") == "a [31mb c d"
    assert len(printable("x" * 1_000)) == 200
