"""What becomes of values, what is refused, and what is told of it: never a value."""

from __future__ import annotations

import contextlib
import json
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.redact.catalogue import detectors
from ext_authz.redact.detectors.entities import EntityFinder
from ext_authz.redact.detectors.patterns import pattern_detector
from ext_authz.redact.detectors.words import word_detector
from ext_authz.redact.errors import (
    BlockedError,
    DetectorError,
    MalformedError,
    RedactionError,
    TooMuchError,
)
from ext_authz.redact.redactor import Redactor, failure_of
from ext_authz.redact.rules import Action, Caps, Rules
from tests.redact.bodies import fields
from tests.redact.planted import VALUES

KEY = b"0123456789abcdef"
PII = detectors(["pii", "secrets"])


def content(redactor: Redactor, text: str) -> str:
    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    return json.loads(redactor.request(body).body)["messages"][0]["content"]


def test_a_mask_keeps_the_last_four_of_a_long_value_and_nothing_of_a_short_one():
    masking = Redactor(Rules(detectors(["credit_card", "ip_address"]), Action.MASK))
    assert content(masking, "4111 1111 1111 1111 at 10.1.2.3") == "****1111 at ****"


def test_a_hash_is_the_same_in_every_request_and_another_with_another_key():
    first = Redactor(Rules(detectors(["email"]), Action.HASH, hash_key=KEY))
    other = Redactor(Rules(detectors(["email"]), Action.HASH, hash_key=KEY[::-1]))
    told = content(first, "bob@example.com")
    assert told == content(first, "bob@example.com") != content(other, "bob@example.com")
    assert told.startswith("<EMAIL:")


def test_a_hash_needs_a_key():
    with pytest.raises(DetectorError, match="16 bytes"):
        Rules(detectors(["email"]), Action.HASH)


def test_blocking_tells_the_detector_and_the_place_and_never_the_value():
    rules = Rules(PII, actions={"private_key": Action.BLOCK, "aws_key": Action.BLOCK})
    blocking = Redactor(rules)
    key = VALUES["aws_key"][0]
    for field, body in fields(f"see {key}"):
        with pytest.raises(BlockedError) as caught:
            blocking.request(json.dumps(body).encode())
        failure = failure_of(caught.value)
        assert (failure.status, failure.kind) == (400, "invalid"), field
        assert "aws_key" in failure.message
        assert key not in repr(failure) + repr(caught.value) + str(caught.value)
    with pytest.raises(BlockedError, match=r"^messages\[1\]\.content\[0\]\.text holds"):
        blocking.request(
            json.dumps({"messages": [{}, {"content": [{"text": key}]}]}).encode(),
        )


def test_no_repr_and_no_record_shows_a_value():
    redactor = Redactor(Rules(PII, hash_key=KEY))
    for values in VALUES.values():
        for value in values[:1]:
            for _, body in fields(value):
                session = redactor.request(json.dumps(body).encode())
                session.answer(session.body)
                shown = repr(session.audit) + json.dumps(session.audit.record())
                shown += repr(session.answering.vault) + repr(redactor.rules)
                assert value not in shown
                assert KEY.decode() not in shown


def test_the_audit_counts_by_detector_and_place():
    redactor = Redactor(Rules(PII))
    body = {"messages": [{"content": "a@b.com c@d.com"}, {"content": "a@b.com"}]}
    session = redactor.request(json.dumps(body).encode())
    session.answer(b'{"content": "<EMAIL_1>"}')
    assert session.audit.record() == {
        "found": {"email": {"messages[].content": 3}},
        "answered": {},
        "restored": {"email": 1},
    }


def test_placeholders_stay_where_rules_do_not_restore():
    session = Redactor(Rules(PII, restore=False)).request(b'{"prompt": "a@b.com"}')
    assert session.answer(session.body) == b'{"prompt": "<EMAIL_1>"}'


def test_an_answer_is_blocked_where_rules_block_what_a_model_says():
    session = Redactor(Rules(PII, answers=Action.BLOCK)).request(b'{"prompt": "hi"}')
    with pytest.raises(BlockedError):
        session.answer(b'{"content": "bob@example.com"}')


def test_own_patterns_are_found_and_bad_ones_refused():
    own = pattern_detector("badge", r"\bB-\d{4}\b", r"staff (?P<v>\d+)")
    assert content(Redactor(Rules((own,))), "B-1234, staff 77") == "<BADGE_1>, staff <BADGE_2>"
    for bad in ("(", r"(?=a)", "a*", r"\1"):
        with pytest.raises(DetectorError):
            pattern_detector("badge", bad)
    with pytest.raises(DetectorError):
        pattern_detector("Badge", "a")


def test_a_pattern_with_anchors_is_found_at_the_ends_of_a_text():
    own = pattern_detector("pin", r"^\d{4}$")
    redactor = Redactor(Rules((own,)))
    assert content(redactor, "1234") == "<PIN_1>"
    assert content(redactor, "a 1234") == "a 1234"


def test_words_are_found_whole_in_any_case_and_script():
    own = word_detector("project", ["Acme", "Acme Corp", "Überflieger", "蓝鲸"])
    redactor = Redactor(Rules((own,)))
    assert (
        content(redactor, "ACME acme corporation acmes")
        == "<PROJECT_1> <PROJECT_2> corporation acmes"
    )
    assert content(redactor, "der überflieger, 蓝鲸") == "der <PROJECT_1>, <PROJECT_2>"
    assert content(redactor, "acme acme") == "<PROJECT_1> <PROJECT_1>"


def test_words_that_are_names_of_members_change_no_member():
    redactor = Redactor(Rules((word_detector("project", ["content", "role", "text"]),)))
    assert content(redactor, "the content of a text") == "the <PROJECT_1> of a <PROJECT_2>"


def test_ten_thousand_words_are_one_automaton():
    own = word_detector("customer", (f"customer{number:05}x" for number in range(10_000)))
    assert content(Redactor(Rules((own,))), "for customer09999x only") == "for <CUSTOMER_1> only"


class Analyzer:
    """Stands in for presidio's `AnalyzerEngine`."""

    def analyze(self, text, language, entities, score_threshold):
        assert (language, entities, score_threshold) == ("en", ["PERSON"], 0.5)
        at = text.find("Zoë")
        return [] if at < 0 else [type("Result", (), {"start": at, "end": at + 3})()]


def test_named_entities_come_by_the_same_interface():
    redactor = Redactor(Rules((EntityFinder("PERSON", engine=Analyzer()), *PII)))
    assert content(redactor, "é Zoë and a@b.com") == "é <PERSON_1> and <EMAIL_1>"


def test_an_analyzer_that_is_not_installed_is_told():
    with pytest.raises(DetectorError, match="presidio-analyzer"):
        EntityFinder("PERSON")


@pytest.mark.parametrize("raised", [SystemExit(1), OSError("no network")])
def test_an_analyzer_without_its_model_ends_nothing(monkeypatch, raised):
    def start():
        raise raised

    installed = types.SimpleNamespace(AnalyzerEngine=start)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", installed)
    with pytest.raises(DetectorError, match="install the model"):
        EntityFinder("PERSON")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"nothing", b'{"a": "\\ud800 bob@example.com"}', b'{"a": "\xff"}'),
        *(b"{'a': 1}", b'{"a": NaN}', '{"a": "bob@example.com"}'.encode("utf-16")),
    ],
)
def test_what_is_no_json_does_not_pass(body):
    with pytest.raises(MalformedError):
        Redactor(Rules(PII)).request(body)


@pytest.mark.parametrize(
    ("caps", "body"),
    [
        (Caps(), b'{"a":' * 200 + b"1" + b"}" * 200),
        (Caps(body=10), b'{"prompt": "abc"}'),
        (Caps(string=10), b'{"prompt": "a@b.com or so"}'),
        (Caps(findings=2), b'{"prompt": "a@b.com c@d.com e@f.com"}'),
    ],
)
def test_what_passes_a_cap_does_not_pass(caps, body):
    with pytest.raises(TooMuchError) as caught:
        Redactor(Rules(PII, caps=caps)).request(body)
    assert failure_of(caught.value).status == 413


def test_json_in_json_in_json_is_read_to_the_cap():
    text = json.dumps({"a": "bob@example.com"})
    redactor = Redactor(Rules(PII))
    for _ in range(3):
        text = json.dumps({"a": text})
        assert "bob@" not in redactor.request(text.encode()).body.decode()
    for _ in range(4):
        text = json.dumps({"a": text})
    with pytest.raises(TooMuchError):
        redactor.request(text.encode())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
    | st.sampled_from([value for values in VALUES.values() for value in values])
    | st.sampled_from(['{"a', "[1,", "data:text/plain;base64,%%", "\\u00", "<EMAIL_1>", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
REDACTORS = (
    Redactor(Rules(PII)),
    Redactor(Rules(PII, Action.MASK, answers=Action.MASK)),
    Redactor(Rules(PII, Action.HASH, hash_key=KEY, answers=Action.PLACEHOLDER)),
)


@given(JSON, st.booleans(), st.sampled_from(REDACTORS))
def test_no_json_raises_what_is_not_declared(value, ascii_only, redactor):
    try:
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    with contextlib.suppress(RedactionError):
        session = redactor.request(body)
        json.loads(session.body)
        json.loads(session.answer(body))
        stream = session.stream()
        stream.feed(b"data: %b\n\n" % body)
        stream.end()


@given(st.binary(max_size=200), st.sampled_from(REDACTORS))
def test_no_bytes_raise_what_is_not_declared(data, redactor):
    session = redactor.request(b'{"prompt": "bob@example.com"}')
    for attempt in (lambda: redactor.request(data), lambda: session.answer(data)):
        with contextlib.suppress(RedactionError):
            attempt()
    stream = session.stream()
    with contextlib.suppress(RedactionError):
        stream.feed(data)
        stream.end()
