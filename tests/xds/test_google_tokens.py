"""Tokens of service accounts: asked for with the key, renewed in time, and shown nowhere."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from policies.secret import SecretKind, SecretRef
from tests.canaries import Canaries
from tests.e2e.envoy_process import until
from tests.xds.google_server import token_server
from xds.google_tokens import GoogleTokens, NoTokenError, grant_token
from xds.plane import ControlPlane
from xds.secrets import SecretReader
from xds.snapshot import snapshot

ACCOUNT = SecretRef(SecretKind.GOOGLE_TOKEN, ("file:account.json",))


@pytest.fixture(scope="module")
def server():
    with token_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _as_before(server):
    server.refuse = ""
    server.lasts = 3600


def token_of(resolution):
    [one] = resolution.resources
    return one.message.generic_secret.secret.inline_bytes.decode()


def test_a_token_is_granted_for_the_key(server):
    """The server has verified signature, audience and scope; an hour is what it lasts."""
    token, lasts = grant_token(server.key_file.encode())
    assert token.startswith("ya29.canary-token-")
    assert 3590 < lasts <= 3600


def test_a_secret_is_the_token_and_never_the_key(server, tmp_path):
    """What Envoys get is good for an hour; the private key stays where it is read."""
    (tmp_path / "account.json").write_text(server.key_file)
    reader = SecretReader(tmp_path, {})
    first = reader.read([ACCOUNT])
    assert token_of(first).startswith("ya29.")
    assert first.resources[0].name == "google-token/file:account.json"
    assert token_of(reader.read([ACCOUNT])) == token_of(first)
    canaries = Canaries()
    canaries.plant("account", server.private)
    canaries.plant("token", token_of(first))
    assert canaries.leaks({"reader": repr(reader), "read": repr(first)}) == []


class Server:
    """A grant that is counted, and a clock that is set."""

    def __init__(self):
        self.now = 1000.0
        self.given = 0
        self.down = False

    def grant(self, key):
        if self.down:
            raise NoTokenError("down")
        self.given += 1
        return f"t{self.given}", 3600.0

    def tokens(self):
        return GoogleTokens(self.grant, lambda: self.now, lambda: 1.0)


def test_a_token_is_renewed_before_its_end():
    """After three quarters of its life, and not before."""
    server = Server()
    tokens = server.tokens()
    assert tokens.token(b"k") == "t1"
    server.now += 2600
    assert tokens.token(b"k") == "t1"
    assert tokens.due() == pytest.approx(1000 + 2700)
    server.now += 101
    assert tokens.token(b"k") == "t2"


def test_while_none_is_given_the_old_one_serves_until_its_end():
    """Asked for again later and later, up to a minute; then there is none, and it is said why."""
    server = Server()
    tokens = server.tokens()
    tokens.token(b"k")
    server.now += 2701
    server.down = True
    assert tokens.token(b"k") == "t1"
    waits = []
    for _ in range(8):
        waits.append(tokens.due() - server.now)
        server.now = tokens.due()
        tokens.token(b"k")
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    server.now = 1000 + 3601
    with pytest.raises(NoTokenError, match="down"):
        tokens.token(b"k")
    server.down = False
    server.now = tokens.due()
    assert tokens.token(b"k") == "t2"
    assert (tokens.renewed, tokens.failed) == (2, 10)


def test_another_key_has_a_token_of_its_own():
    """A key file that is replaced is read anew, and its token asked for at once."""
    tokens = Server().tokens()
    assert tokens.token(b"k") == "t1"
    assert tokens.token(b"l") == "t2"
    tokens.keep(frozenset({b"l"}))
    assert tokens.token(b"l") == "t2"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("{", "no JSON"),
        ("[]", "no key file"),
        ('{"type": "authorized_user"}', "no key file"),
        ('{"type": "service_account", "token_uri": "http://evil.example/"}', "no https"),
        ('{"type": "service_account", "token_uri": "https://x.example/"}', "no key file"),
    ],
)
def test_what_is_no_key_file_is_said(key, why):
    """The source is named by whoever reads it; what it holds is not quoted."""
    with pytest.raises(NoTokenError, match=why):
        grant_token(key.encode())


def test_a_broken_private_key_is_not_quoted(server):
    """Not even a part of it."""
    key = json.loads(server.key_file)
    key["private_key"] = "-----BEGIN PRIVATE KEY-----\ncanarycanary\n-----END PRIVATE KEY-----\n"
    with pytest.raises(NoTokenError) as refused:
        grant_token(json.dumps(key).encode())
    assert "canary" not in str(refused.value)


def test_a_refusal_says_the_servers_word(server):
    """`invalid_grant`: the account is gone, or this clock is wrong."""
    server.refuse = "invalid_grant"
    with pytest.raises(NoTokenError, match=r"no token \(invalid_grant\)$"):
        grant_token(server.key_file.encode())


def test_a_server_that_is_away_is_said(server):
    """After the tries that google-auth makes."""
    key = json.loads(server.key_file)
    key["token_uri"] = "http://127.0.0.1:1/token"
    with pytest.raises(NoTokenError, match="cannot be reached"):
        grant_token(json.dumps(key).encode())


def test_a_plane_renews_tokens_by_itself(server, tmp_path, caplog):
    """Nobody reads files or publishes: the token's time has come, and a new one is served."""
    (tmp_path / "account.json").write_text(server.key_file)
    server.lasts = 2  # renewed after three quarters of it

    async def run():
        plane = ControlPlane("127.0.0.1:0", reader=SecretReader(tmp_path, {}))
        await plane.start()
        try:
            published = await plane.publish(snapshot(()), (ACCOUNT,))
            assert published.unresolved == ()
            before = len(server.assertions)
            await asyncio.to_thread(
                until, lambda: len(server.assertions) >= before + 2, "no token is renewed"
            )
        finally:
            await plane.stop(0)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    canaries = Canaries()
    canaries.plant("account", server.private)
    canaries.plant("token", "ya29.canary-token-")
    assert canaries.leaks({"log": caplog.text}) == []
