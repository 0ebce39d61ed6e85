"""One request for a token: what is asked, and what is said where there is none."""

from __future__ import annotations

import json

import pytest

from tests.canaries import Canaries
from tests.xds.google_server import token_server
from xds.google_grant import BadKeyError, NoTokenError, grant_token


@pytest.fixture(scope="module")
def server():
    with token_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _as_before(server):
    server.refuse, server.raw = "", None


def key(server, **changed):
    return json.dumps({**json.loads(server.key_file), **changed}).encode()


def refused(content):
    with pytest.raises(NoTokenError) as error:
        grant_token(content)
    return str(error.value)


def test_a_token_is_granted_for_the_key(server):
    """The server has verified signature, issuer, audience and scope; an hour is what it lasts."""
    token, lasts = grant_token(server.key_file.encode())
    assert token.startswith("ya29.canary-token-")
    assert 3590 < lasts <= 3600
    claims = server.assertions[-1]
    assert claims["exp"] - claims["iat"] <= 3600


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no key file"),
        ('{"type": "authorized_user"}', "no key file"),
        ('{"type": "service_account"}', "no https"),
        ('{"type": "service_account", "token_uri": "http://evil.example/"}', "no https"),
        ('{"type": "service_account", "token_uri": "file://localhost/etc/passwd"}', "no https"),
        ('{"type": "service_account", "token_uri": "https://["}', "no https"),
        ('{"type": "service_account", "token_uri": "https://x.example/"}', "no key file"),
    ],
)
def test_what_is_no_key_file_is_said(content, why):
    """The source is named by whoever reads it; what it holds is not quoted, and nobody is asked."""
    with pytest.raises(BadKeyError, match=why):
        grant_token(content.encode())


@pytest.mark.parametrize(
    "private",
    [
        "-----BEGIN PRIVATE KEY-----\ncanarycanary\n-----END PRIVATE KEY-----\n",
        "canarycanary",
        7,
        None,
        ["canary"],
    ],
)
def test_a_broken_private_key_is_not_quoted(server, private):
    """Not even a part of it, whatever it is instead of a key."""
    before = server.asked
    assert "canary" not in refused(key(server, private_key=private))
    assert server.asked == before


def test_a_refusal_says_the_servers_word(server):
    """`invalid_grant`: the account is gone, or this clock is wrong. The rest may be anything."""
    server.refuse = "invalid_grant"
    assert refused(key(server)).endswith("no token (invalid_grant)")


def test_a_server_that_is_away_is_said(server):
    """Without the tries that google-auth would make, for which it sleeps."""
    assert "cannot be reached" in refused(key(server, token_uri="http://127.0.0.1:1/token"))
    before = server.asked
    server.raw = (503, b"canary")
    assert refused(key(server)) == "the token server answers 503"
    assert server.asked == before + 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"canary"),
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (200, b'"canary"'),
        (200, b"{}"),
        (200, b'{"access_token": "canary"}'),
        (200, b'{"access_token": "canary", "expires_in": "canary"}'),
        (200, b'{"access_token": "canary", "expires_in": 1e300}'),
        (200, b'{"access_token": "canary", "expires_in": 0}'),
        (200, b'{"access_token": "canary", "expires_in": -5}'),
        (200, b'{"access_token": "canary\\r\\nx: y", "expires_in": 60}'),
        (200, b'{"access_token": "", "expires_in": 60}'),
        (200, b'{"access_token": 7, "expires_in": 60}'),
        (302, b"canary"),
        (400, b"\xff"),
        (400, b'{"error": ["canary"]}'),
        (400, b'{"error": "canary canary"}'),
        (404, b"canary"),
    ],
)
def test_an_answer_that_is_none_is_not_quoted(server, answer):
    """Nothing that a server may say ends in anything else than a sentence of ours."""
    server.raw = answer
    assert "canary" not in refused(key(server))


def test_an_error_shows_neither_key_nor_answer(server):
    """Not in its causes either, which a traceback would print."""
    canaries = Canaries()
    canaries.plant("account", server.private)
    canaries.plant("answer", "canary-of-the-server")
    server.raw = (400, b'{"error": "invalid_grant", "error_description": "canary-of-the-server"}')
    with pytest.raises(NoTokenError) as error:
        grant_token(key(server))
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    assert canaries.leaks({"error": repr(error.value)}) == []
