"""Refs: what may be followed, and what a repository's answer means."""

from __future__ import annotations

import pytest

from cli.sources.git_ref import Advertised, RefError, Wanted, advertised, wanted

A, B, C = ("a" * 40, "b" * 40, "c" * 64)


def test_a_short_name_is_a_branch_or_a_tag():
    """Which of them, the repository says."""
    assert wanted("v1.2").names == ("refs/heads/v1.2", "refs/tags/v1.2")
    assert wanted("team/main").names == ("refs/heads/team/main", "refs/tags/team/main")


def test_a_full_name_is_only_itself():
    """So a branch and a tag of one name can be told apart."""
    assert wanted("refs/tags/v1.2").names == ("refs/tags/v1.2",)


@pytest.mark.parametrize("text", [A, A.upper(), C])
def test_a_full_commit_is_a_commit(text):
    """SHA-1 or SHA-256, in any case."""
    assert wanted(text) == Wanted(commit=text.lower())


@pytest.mark.parametrize(
    "text",
    [
        "refs/pull/1/head",
        "refs/notes/x",
        "refs/heads/../x",
        "-x",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a:b",
        "a^",
        "a~1",
        "a*",
        "a[b",
        "a@{1}",
        "@",
        "a.lock",
        "a/.b",
        "/a",
        "a/",
        "a//b",
        "a\nb",
    ],
)
def test_nothing_else_is_followed(text):
    """Pull requests are written by anybody; the rest are expressions, options or no names."""
    with pytest.raises(RefError):
        wanted(text)


def test_the_default_branch_is_what_head_names():
    """Without --ref the repository decides."""
    answer = f"ref: refs/heads/trunk\tHEAD\n{A}\tHEAD\n"
    assert advertised(wanted(""), answer) == Advertised("refs/heads/trunk", A)


def test_only_the_very_name_counts():
    """Git's patterns match the ends of names too."""
    answer = f"{A}\trefs/remotes/x/refs/heads/main\n{B}\trefs/heads/main\n"
    assert advertised(wanted("main"), answer) == Advertised("refs/heads/main", B)


@pytest.mark.parametrize(
    ("text", "answer", "said"),
    [
        ("main", "", "no branch or tag `main`"),
        ("refs/tags/v1", f"{A}\trefs/heads/v1\n", "no tag `v1`"),
        ("", "", "no default branch"),
        ("v1", f"{A}\trefs/heads/v1\n{B}\trefs/tags/v1\n", "refs/heads/v1 or refs/tags/v1"),
    ],
)
def test_what_is_not_there_is_said(text, answer, said):
    """So is what could mean two things."""
    with pytest.raises(RefError, match=said):
        advertised(wanted(text), answer)
