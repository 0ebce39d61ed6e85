"""An edge's delta stream without a socket, what it has, and what is kept on the disk."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from ext_authz.subscription.last_good import LastGood
from ext_authz.subscription.served import Served, UnusableError
from ext_authz.subscription.stream import Response, Stream
from tests.ext_authz.asking import digest_of, rules
from xds.edge.key_table import shards
from xds.edge.pairs import Provider
from xds.edge.processing import Aws, Processing, Redaction, Upstream, write_processing
from xds.edge.resources import KEYS, MESSAGES, PROCESSING, REVOKED, REVOKED_NAME, RULES
from xds.edge.rules import CounterStore, Key, write_rules
from xds.order import SECRET
from xds.schema import envoy

NODE = envoy.config.core.v3.Node(id="edge-1", cluster="test")
tls_v3 = envoy.extensions.transport_sockets.tls.v3
CI = Key(id="acme/ci", tenant="acme")
SHARDS = shards([(digest_of("acme/ci"), CI)])
RULES_BODY = write_rules(rules())
SIGNED = Processing(
    upstreams={
        "up": Upstream(
            name="aws",
            provider=Provider.BEDROCK,
            model="m",
            authority="a.test",
            aws=Aws(region="us-east-1", access_key="access", secret_key="secret"),
        )
    },
    redactions={"r": Redaction(detect=("email",), action="hash", hash_key="hash")},
)
REMOTE = write_rules(rules(counters=CounterStore(embedded=False, secret="counters")))


def response(type_url, bodies=(), removed=(), nonce="n", version="1"):
    made = Response(type_url=type_url, nonce=nonce, removed_resources=removed)
    for name, body in dict(bodies).items():
        one = made.resources.add(name=name, version=version)
        message = body if type_url == SECRET else MESSAGES[type_url](name=name, body=body)
        one.resource.type_url = type_url
        one.resource.value = message.SerializeToString()
    return made


def secret(name, text):
    made = tls_v3.Secret(name=name)
    made.generic_secret.secret.inline_bytes = text.encode()
    return made


def started(served=None):
    stream = Stream(NODE, served or Served())
    return stream, list(stream.open())


def test_the_first_request_says_who_asks():
    """And all types are asked for: everything that there is, and the versions that are known."""
    stream, requests = started()
    list(stream.take(response(RULES, {"rules": RULES_BODY})))
    list(stream.take(response(KEYS, SHARDS)))
    assert [one.type_url for one in requests] == [KEYS, REVOKED, RULES, PROCESSING]
    assert [one.node.id for one in requests] == ["edge-1", "", "", ""]
    assert all(list(one.resource_names_subscribe) == ["*"] for one in requests)
    _, again = started(stream.served)
    known = {one.type_url: dict(one.initial_resource_versions) for one in again}
    assert known == {
        KEYS: dict.fromkeys(SHARDS, "1"),
        REVOKED: {},
        RULES: {"rules": "1"},
        PROCESSING: {},
    }


def test_what_can_be_used_is_acknowledged_and_holds():
    """All of it is there once there are rules and keys."""
    stream, _ = started()
    (answer,) = stream.take(response(RULES, {"rules": RULES_BODY}, nonce="7"))
    assert (answer.response_nonce, answer.HasField("error_detail")) == ("7", False)
    assert not stream.served.complete
    list(stream.take(response(KEYS, SHARDS)))
    assert stream.served.complete
    assert stream.served.rules == rules()
    assert stream.served.keys.lookup(digest_of("acme/ci")) == CI


def test_a_policy_without_keys_is_complete_with_the_word_that_there_are_none():
    """Else its requests would wait for ever."""
    stream, _ = started()
    list(stream.take(response(RULES, {"rules": RULES_BODY})))
    list(stream.take(response(KEYS)))
    assert stream.served.complete


@pytest.mark.parametrize(
    ("type_url", "bodies", "said"),
    [
        (RULES, {"rules": b"{"}, "rules: the rules cannot be read"),
        (RULES, {"rules": b'{"gateway": 5}'}, "rules: the rules cannot be read"),
        (RULES, {"rules": RULES_BODY, "more": RULES_BODY}, "more than one resource of rules"),
        (KEYS, {"keys/1/0": b"nothing"}, "keys/1/0"),
        (KEYS, {"keys/3/0": next(iter(SHARDS.values()))}, "keys/3/0"),
        (REVOKED, {REVOKED_NAME: b"short"}, "5 bytes are no digests"),
        (PROCESSING, {"processing": b'{"upstreams": 5}'}, "processing: it cannot be read"),
        (PROCESSING, {"a": b"{}", "b": b"{}"}, "more than one resource of processing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(type_url, bodies, said):
    """And what was there before goes on to hold."""
    stream, _ = started()
    list(stream.take(response(RULES, {"rules": RULES_BODY})))
    list(stream.take(response(KEYS, SHARDS)))
    before = stream.served
    (answer,) = stream.take(response(type_url, bodies, nonce="9", version="2"))
    assert answer.response_nonce == "9"
    assert said in answer.error_detail.message
    assert said in stream.fault
    assert stream.served == before
    (answer,) = stream.take(response(KEYS, SHARDS, version="3"))
    assert not answer.HasField("error_detail")
    assert stream.fault == ""


def test_a_resource_of_another_type_is_refused():
    """Whoever serves it has mixed something up."""
    stream, _ = started()
    mixed = response(RULES, {"rules": RULES_BODY})
    mixed.type_url = KEYS
    (answer,) = stream.take(mixed)
    assert "among resources" in answer.error_detail.message


def test_keys_that_are_revoked_ahead_come_and_go():
    """The resource is there only while some are."""
    stream, _ = started()
    two = digest_of("acme/ci") + digest_of("acme/other")
    list(stream.take(response(REVOKED, {REVOKED_NAME: two})))
    assert stream.served.revoked == {digest_of("acme/ci"), digest_of("acme/other")}
    list(stream.take(response(REVOKED, removed=[REVOKED_NAME])))
    assert stream.served.revoked == frozenset()
    assert REVOKED_NAME not in stream.served.versions[REVOKED]


def test_a_heartbeat_changes_nothing():
    """A resource without a body says that what is there goes on."""
    stream, _ = started()
    list(stream.take(response(RULES, {"rules": RULES_BODY})))
    beat = Response(type_url=RULES, nonce="h")
    beat.resources.add(name="rules", version="1")
    (answer,) = stream.take(beat)
    assert not answer.HasField("error_detail")
    assert stream.served.rules == rules()


def test_secrets_are_asked_for_when_rules_speak_of_them():
    """And not any more when they do not."""
    stream, requests = started()
    assert SECRET not in [one.type_url for one in requests]
    _, wanted = stream.take(response(RULES, {"rules": REMOTE}))
    assert (wanted.type_url, list(wanted.resource_names_subscribe)) == (SECRET, ["counters"])
    list(stream.take(response(KEYS)))
    assert stream.served.waits
    list(stream.take(response(SECRET, {"counters": secret("counters", "redis://u:p@h/0")})))
    assert stream.served.secret("counters") == "redis://u:p@h/0"
    assert not stream.served.waits
    _, dropped = stream.take(response(RULES, {"rules": RULES_BODY}, version="2"))
    assert list(dropped.resource_names_unsubscribe) == ["counters"]
    _, requests = started(replace(stream.served, rules=rules()))
    assert SECRET not in [one.type_url for one in requests]


def test_secrets_that_attempts_need_are_asked_for():
    """Those that are signed and hashed with; without what attempts need all is complete."""
    stream, _ = started()
    list(stream.take(response(RULES, {"rules": RULES_BODY})))
    list(stream.take(response(KEYS)))
    assert stream.served.complete
    assert not stream.served.waits
    _, wanted = stream.take(response(PROCESSING, {"processing": write_processing(SIGNED)}))
    assert list(wanted.resource_names_subscribe) == ["access", "hash", "secret"]
    assert stream.served.complete
    assert stream.served.waits
    assert stream.served.processing == SIGNED
    _, dropped = stream.take(response(PROCESSING, removed=["processing"]))
    assert list(dropped.resource_names_unsubscribe) == ["access", "hash", "secret"]
    assert stream.served.processing is None


def test_a_secret_shows_in_no_repr():
    """Nor does a digest."""
    stream, _ = started()
    list(stream.take(response(RULES, {"rules": REMOTE})))
    list(stream.take(response(SECRET, {"counters": secret("counters", "redis://canary")})))
    list(stream.take(response(REVOKED, {REVOKED_NAME: digest_of("acme/ci")})))
    assert "canary" not in repr(stream.served)
    assert repr(digest_of("acme/ci")) not in repr(stream.served)


def kept(disk, served=None):
    """Have a stream's responses kept as `follow` keeps them."""
    stream, _ = started(served)
    processing = response(PROCESSING, {"processing": write_processing(SIGNED)})
    for told in (response(RULES, {"rules": REMOTE}), response(KEYS, SHARDS), processing):
        list(stream.take(told))
        disk.save(told.type_url, stream.changed, frozenset(stream.served.versions[told.type_url]))
    return stream


def test_what_was_served_last_is_there_after_a_restart(tmp_path):
    """With its versions, for its owner alone, and without secrets."""
    folder = tmp_path / "served"
    stream = kept(LastGood(folder))
    list(stream.take(response(SECRET, {"counters": secret("counters", "redis://canary")})))
    LastGood(folder).save(SECRET, stream.changed, frozenset(["counters"]))
    found = LastGood(folder).load()
    assert found.rules == stream.served.rules
    assert found.keys.lookup(digest_of("acme/ci")) == CI
    assert found.processing == SIGNED
    assert found.versions[RULES] == {"rules": "1"}
    assert b"canary" not in b"".join(file.read_bytes() for file in folder.iterdir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_what_is_gone_is_not_kept(tmp_path):
    """Its file neither."""
    disk = LastGood(tmp_path)
    stream = kept(disk)
    before = len(list(tmp_path.iterdir()))
    (name,) = SHARDS
    list(stream.take(response(KEYS, removed=[name])))
    disk.save(KEYS, stream.changed, frozenset(stream.served.versions[KEYS]))
    assert len(LastGood(tmp_path).load().keys) == 0
    assert len(list(tmp_path.iterdir())) == before - 1


def test_what_is_damaged_is_not_used(tmp_path, caplog):
    """Told in the log; the control plane has it."""
    kept(LastGood(tmp_path))
    for file in tmp_path.iterdir():
        if file.name != "index.json":
            file.write_bytes(file.read_bytes()[:-1])
    assert LastGood(tmp_path).load().rules is None
    assert "is damaged" in caplog.text
    (tmp_path / "index.json").write_text("{")
    assert LastGood(tmp_path).load().rules is None


def test_nothing_was_kept_before_the_first_time(tmp_path):
    """No rules, and no error."""
    assert LastGood(tmp_path / "new").load().rules is None


def test_rules_may_go():
    """Then there is nothing to decide by."""
    served = Served().taking(RULES, {"rules": ("1", RULES_BODY)}, ())
    assert served.taking(RULES, {}, ["rules"]).rules is None
    with pytest.raises(UnusableError):
        served.taking(RULES, {"rules": ("2", b"")}, ())
