"""Listings of commits: which files are the policy, and where links lead."""

from __future__ import annotations

import pytest

from cli.sources.git_tree import Entry, TreeError, blobs, chosen, led, listing, policy_path, target

OID = "a" * 40


def tree(*names):
    return {name: Entry(name, "100644", OID, 1) for name in names}


def test_a_listing_is_read():
    """Modes, sizes, and names with anything in them but NUL."""
    raw = (
        f"100644 blob {OID}      12\ta b\tc.yaml\0"
        f"120000 blob {OID}       3\tlink.yaml\0"
        f"160000 commit {OID}       -\tmodule\0"
    ).encode()
    found = listing(raw)
    assert found["a b\tc.yaml"].size == 12
    assert [one.mode for one in found.values()] == ["100644", "120000", "160000"]
    assert found["module"].size == 0


@pytest.mark.parametrize("raw", [b"what\0", b"100644 blob\tx\0"])
def test_another_listing_is_refused(raw):
    """Rather than guessed at."""
    with pytest.raises(TreeError):
        listing(raw)


def test_a_folder_is_its_yaml_files():
    """What is hidden or of another kind is left out, as in a folder on disk."""
    names = ("b.yaml", "a/x.yml", ".hidden/y.yaml", ".z.yaml", "README.md", "endpoints/e.yaml")
    assert chosen(tree(*names)) == ["a/x.yml", "b.yaml", "endpoints/e.yaml"]


def test_a_file_is_read_with_the_endpoints_beside_it():
    """And with nothing else."""
    names = ("gateway.yaml", "other.yaml", "endpoints/e.yaml", "endpoints/e.txt")
    assert chosen(tree(*names), "gateway.yaml") == ["endpoints/e.yaml", "gateway.yaml"]


def test_key_sets_are_read():
    """All of a folder; those beside a single file."""
    names = ("gateway.yaml", "corp.jwks.json", "b/jwks.json", "package.json", ".x.jwks.json")
    assert chosen(tree(*names)) == ["b/jwks.json", "corp.jwks.json", "gateway.yaml"]
    assert chosen(tree(*names), "gateway.yaml") == ["corp.jwks.json", "gateway.yaml"]


@pytest.mark.parametrize("text", ["/etc/passwd", "../../x", "../..", "../../../etc/passwd"])
def test_a_link_out_of_the_folder_is_refused(text):
    """However it is written."""
    with pytest.raises(ValueError, match="out of"):
        led("a/link.yaml", text.encode())


def test_a_link_inside_is_followed():
    """From the folder that it stands in."""
    assert target("a/link.yaml", b"../b/./x.yaml", tree("b/x.yaml")) == "b/x.yaml"
    with pytest.raises(ValueError, match="nowhere"):
        target("a/link.yaml", b"x.yaml", tree("x.yaml"))


def test_contents_are_read_by_their_sizes():
    """So a content may hold what looks like a header."""
    inner = f"{OID} blob 3\n".encode()
    raw = f"{OID} blob {len(inner)}\n".encode() + inner + b"\n" + f"{OID} blob 0\n\n".encode()
    assert list(blobs(raw)) == [inner, b""]


def test_a_missing_object_is_said():
    """Git says so in the place of the content."""
    with pytest.raises(TreeError):
        list(blobs(f"{OID} missing\n".encode()))


@pytest.mark.parametrize(
    ("text", "plain"), [(".", ""), ("./a/", "a"), ("a//b.yaml", "a/b.yaml"), ("a/../b", "b")]
)
def test_a_path_is_made_plain(text, plain):
    """As git lists it."""
    assert policy_path(text) == plain


@pytest.mark.parametrize("text", ["/a", "..", "../a", "a/../../b", ".git/config", "a\0b"])
def test_a_path_out_of_the_repository_is_refused(text):
    """And one into git's own folder."""
    with pytest.raises(ValueError, match="inside of a repository"):
        policy_path(text)
