"""Addresses of repositories: which are taken, and what of them may be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.sources.git_address import KNOWN, AddressError, credentials, remote

HERE = Path("/here")


@pytest.mark.parametrize(
    ("text", "url", "protocol"),
    [
        ("https://git.example.com/edge.git", "https://git.example.com/edge.git", "https"),
        ("https://git.example.com:8443/edge", "https://git.example.com:8443/edge", "https"),
        ("https://[2001:db8::1]/edge", "https://[2001:db8::1]/edge", "https"),
        ("ssh://git@git.example.com:22/edge", "ssh://git@git.example.com:22/edge", "ssh"),
        ("git@git.example.com:edge.git", "git@git.example.com:edge.git", "ssh"),
        ("git.example.com:edge.git", "git.example.com:edge.git", "ssh"),
        ("file:///srv/edge.git", "file:///srv/edge.git", "file"),
        ("/srv/edge.git", "file:///srv/edge.git", "file"),
        ("edge.git", "file:///here/edge.git", "file"),
        ("./a:b", "file:///here/a%3Ab", "file"),
    ],
)
def test_each_form_is_read(text, url, protocol):
    """URLs, user@host:path and local paths are what git takes them for."""
    found = remote(text, here=HERE)
    assert (found.url, found.protocol) == (url, protocol)


@pytest.mark.parametrize(
    "text",
    [
        "https://ada:canary@git.example.com/edge.git",
        "https://canary@git.example.com/edge.git",
        "https://ada:can%61ry@git.example.com/edge.git",
    ],
)
def test_credentials_are_taken_out_of_the_url(text):
    """Neither the URL nor the repr has them; they are meant for that one site."""
    found = remote(text, here=HERE)
    assert "canary" in (found.user, found.password)
    assert found.url == "https://git.example.com/edge.git"
    assert found.site == "https://git.example.com"
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x:y",
        "ext::sh -c touch% /tmp/x",
        "ext::x",
        "fd::3",
        "ftp://git.example.com/edge",
        "ssh://-oProxyCommand=x/edge",
        "ssh://ada:canary@git.example.com/edge",
        "ada@-oProxyCommand:edge",
        "https:///edge",
        "https://git.example.com",
        "https://git.example.com/edge?token=canary",
        "https://git.example.com:port/canary",
        "https://git.example.com/ed ge",
        "https://git.example.com/ed\nge",
        "file://elsewhere/edge",
    ],
)
def test_other_forms_are_refused_without_being_shown(text):
    """Options in disguise, transports that run programs, passwords where they do not belong."""
    with pytest.raises(AddressError) as refused:
        remote(text, here=HERE, allowed=KNOWN)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("text", ["http://git.example.com/edge", "git://git.example.com/edge"])
def test_protocols_without_proof_are_off(text):
    """They are taken only where they were asked for."""
    with pytest.raises(AddressError, match="--git-insecure"):
        remote(text, here=HERE)
    assert remote(text, here=HERE, allowed=KNOWN).url == text


def test_a_token_alone_is_a_password():
    """Hosts take a token with any user's name; a colon says that there is one."""
    assert credentials("canary\n") == ("git", "canary")
    assert credentials("x-token-auth:can:ary\n") == ("x-token-auth", "can:ary")
