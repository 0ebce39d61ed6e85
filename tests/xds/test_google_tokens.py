"""Tokens of service accounts: renewed in time, kept while none is given, forgotten when unnamed."""

from __future__ import annotations

import threading

import pytest

from policies.secret import SecretKind, SecretRef
from tests.canaries import Canaries
from tests.xds.google_server import token_server
from xds.google_grant import BadKeyError, NoTokenError
from xds.google_tokens import GoogleTokens
from xds.secrets import SecretReader

ACCOUNT = SecretRef(SecretKind.GOOGLE_TOKEN, ("file:account.json",))
FROM_ENV = SecretRef(SecretKind.GOOGLE_TOKEN, ("env:ACCOUNT",))


class Server:
    """A grant that is counted, and a clock that is set."""

    def __init__(self):
        self.now = 1000.0
        self.given = 0
        self.asked = []
        self.why = None

    def grant(self, key):
        self.asked.append(key)
        if key.startswith(b"broken"):
            raise BadKeyError("no key")
        if self.why is not None:
            raise NoTokenError(self.why)
        self.given += 1
        return f"t{self.given}", 3600.0

    def tokens(self):
        return GoogleTokens(self.grant, lambda: self.now, lambda: 1.0)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def tokens(server):
    return server.tokens()


@pytest.fixture
def reader(server, tmp_path):
    (tmp_path / "account.json").write_bytes(b"k")
    return SecretReader(tmp_path, {"ACCOUNT": "e"}, tokens=server.tokens())


def token_of(resolution):
    [one] = resolution.resources
    return one.message.generic_secret.secret.inline_bytes.decode()


def test_a_token_is_renewed_before_its_end(server, tokens):
    """After three quarters of its life, by whoever renews: the others never ask again."""
    assert tokens.token(b"k").value == "t1"
    assert tokens.wait() == pytest.approx(2700)
    server.now += 2699
    tokens.renew()
    assert tokens.token(b"k").value == "t1"
    server.now += 2
    assert tokens.token(b"k").value == "t1"
    tokens.renew()
    assert tokens.token(b"k").value == "t2"
    assert server.asked == [b"k", b"k"]


def test_a_token_of_any_life_is_renewed_within_it(server):
    """At the latest five minutes before its end, where it lasts long enough for that."""
    for lasts in (1.5, 60, 599, 601, 1000, 3600, 43_200):
        for chance in (0.0, 1.0):
            tokens = GoogleTokens(lambda _, s=lasts: ("t", s), lambda: 0.0, lambda c=chance: c)
            tokens.token(b"k")
            assert tokens.wait() <= lasts * 0.75
            if lasts > 600:
                assert tokens.wait() <= lasts - 300
            assert tokens.wait() >= lasts * 0.47


def test_replicas_do_not_ask_at_the_same_moment():
    """Each renews a little earlier than it would have to."""
    waits = set()
    for chance in (0.0, 0.5, 1.0):
        tokens = GoogleTokens(lambda _: ("t", 3600.0), lambda: 0.0, lambda c=chance: c)
        tokens.token(b"k")
        waits.add(tokens.wait())
    assert sorted(waits) == pytest.approx([2565, 2632.5, 2700])


def test_while_none_is_given_the_old_one_serves_until_its_end(server, tokens):
    """Asked for again later and later, up to a minute; then there is none, and it is said why."""
    tokens.token(b"k")
    server.now += 2701
    server.why = "down"
    tokens.renew()
    assert tokens.token(b"k").value == "t1"
    assert tokens.token(b"k").why == "down"
    waits = []
    for _ in range(8):
        waits.append(tokens.wait())
        server.now += tokens.wait()
        tokens.renew()
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    server.now = 1000 + 3601
    ended = tokens.token(b"k")
    assert (ended.value, ended.why) == ("", "down; the last token has ended")
    server.why = None
    server.now += tokens.wait()
    tokens.renew()
    assert (tokens.token(b"k").value, tokens.token(b"k").why) == ("t2", "")
    assert (tokens.renewed, tokens.failed) == (2, 9)


def test_a_first_token_that_is_not_given_is_asked_for_again(server, tokens):
    """By whoever renews; who reads meanwhile is told what was said, and waits for nothing."""
    server.why = "down"
    assert tokens.token(b"k").why == "down"
    assert tokens.token(b"k").why == "down"
    assert len(server.asked) == 1
    server.why = None
    server.now += tokens.wait()
    tokens.renew()
    assert tokens.token(b"k").value == "t1"


def test_what_is_no_key_is_not_tried_again(server, tokens):
    """It gets no better until the file changes, and then it is another key."""
    assert tokens.token(b"broken").why == "no key"
    assert tokens.wait() is None
    server.now += 10_000
    tokens.renew()
    assert len(server.asked) == 1


def test_a_silent_server_holds_up_nobody_but_who_renews(server):
    """The old token is given meanwhile."""
    silent, asked = threading.Event(), threading.Event()

    def grant(key):
        if server.given:
            asked.set()
            silent.wait(10)
        return server.grant(key)

    tokens = GoogleTokens(grant, lambda: server.now, lambda: 1.0)
    tokens.token(b"k")
    server.now += 2701
    renewing = threading.Thread(target=tokens.renew)
    renewing.start()
    assert asked.wait(10)
    assert tokens.token(b"k").value == "t1"
    silent.set()
    renewing.join()
    assert tokens.token(b"k").value == "t2"


def test_a_secret_is_the_token_and_never_the_key(tmp_path):
    """What Envoys get is good for an hour; the private key stays where it is read."""
    with token_server() as real:
        (tmp_path / "account.json").write_text(real.key_file)
        reader = SecretReader(tmp_path, {"ACCOUNT": real.key_file})
        first = reader.read([ACCOUNT])
        assert token_of(first).startswith("ya29.")
        assert first.resources[0].name == "google-token/file:account.json"
        assert token_of(reader.read([FROM_ENV])).startswith("ya29.")
        canaries = Canaries()
        canaries.plant("account", real.private.splitlines()[1])
        canaries.plant("token", token_of(first))
        shown = {"kept": repr([reader, reader._accounts, reader._last, first])}
        shown["tokens"] = repr(vars(reader.tokens))
        assert canaries.leaks(shown) == []


def test_a_key_file_that_changes_is_read_anew(server, reader, tmp_path):
    """Its token is asked for at once, and that of the old key never again."""
    assert token_of(reader.read([ACCOUNT])) == "t1"
    (tmp_path / "account.json").write_bytes(b"l")
    assert token_of(reader.read([ACCOUNT])) == "t2"
    server.now += 2701
    reader.tokens.renew()
    assert server.asked == [b"k", b"l", b"l"]
    assert reader.tokens.wait() > 0


@pytest.mark.parametrize("broken", [b"broken", None])
def test_a_broken_key_file_keeps_the_old_key_at_work(server, reader, tmp_path, broken):
    """It is told; the token of the last good key is served, and renewed."""
    reader.read([ACCOUNT])
    path = tmp_path / "account.json"
    if broken is None:
        path.unlink()
    else:
        path.write_bytes(broken)
    for value in ("t1", "t2"):
        read = reader.read([ACCOUNT])
        assert token_of(read) == value
        [problem] = read.unresolved
        assert (problem.source, problem.kept) == ("file:account.json", True)
        server.now += 2701
        reader.tokens.renew()
    path.write_bytes(b"l")
    read = reader.read([ACCOUNT])
    assert (token_of(read), read.unresolved) == ("t4", ())


def test_a_refusal_is_told_while_the_old_token_serves(server, reader):
    """Long before requests would fail; it is told no more when one is given."""
    reader.read([ACCOUNT])
    server.now += 2701
    server.why = "given no token (invalid_grant)"
    reader.tokens.renew()
    read = reader.read([ACCOUNT])
    assert token_of(read) == "t1"
    [problem] = read.unresolved
    assert problem.kept
    assert "invalid_grant" in str(problem)
    server.now = 1000 + 3601
    [problem] = reader.read([ACCOUNT]).unresolved
    assert "the last token has ended" in problem.reason
    server.why = None
    reader.tokens.renew()
    assert reader.read([ACCOUNT]).unresolved == ()


def test_without_any_token_there_is_no_secret(server, reader):
    """As with a variable that is not set."""
    server.why = "down"
    read = reader.read([ACCOUNT])
    assert read.resources == ()
    assert read.missing == {ACCOUNT.name}


def test_what_is_named_no_longer_is_not_renewed(server, reader):
    """Or it would be due for ever."""
    reader.read([ACCOUNT, FROM_ENV])
    reader.read([FROM_ENV])
    server.now += 2701
    reader.tokens.renew()
    assert server.asked == [b"e", b"k", b"e"]
    reader.read([])
    assert reader.tokens.wait() is None
