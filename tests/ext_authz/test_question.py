"""What is read of Envoy's questions, as far as somebody asks for it."""

from __future__ import annotations

import pytest

from ext_authz.admission.question import read_question
from tests.ext_authz.asking import key_of, question


def test_behind_a_trusted_proxy_the_client_is_who_it_says():
    """Envoy writes that into a header; the connection is the proxy's."""
    assert read_question(question(client="192.0.2.1")).client == "192.0.2.1"
    told = {"x-envoy-external-address": "2001:db8::1"}
    assert read_question(question(client="192.0.2.1", headers=told)).client == "2001:db8::1"


@pytest.mark.parametrize(
    ("said", "size"),
    [("100", 100), ("2", 4), ("", 4), ("-1", 4), ("1e3", 4), ("٣", 4), ("9" * 30, 4)],
)
def test_a_body_is_as_long_as_the_client_says_and_never_shorter_than_seen(said, size):
    """What is no number says nothing."""
    asked = read_question(question(headers={"content-length": said}, body=b"four"))
    assert asked.size == size


def test_what_is_not_told_is_empty():
    """A question that says nothing at all is one."""
    asked = read_question(b"")
    assert (asked.route, asked.api, asked.model, asked.asked) == ("", "", "", "")
    assert (asked.request, asked.client, asked.principal, asked.entry) == ("", "", "", "")
    assert (asked.body, asked.size, asked.payloads, asked.listing) == (b"", 0, None, False)


def test_a_question_shows_no_credential():
    """In no repr, whatever the client sent."""
    assert key_of("acme/ci") not in repr(read_question(question(key="acme/ci")))


def test_a_model_is_named_in_the_clients_own_words():
    """As the body says it, where that is a text; else by the policy's name."""
    assert read_question(question(model="fast", asked="quick")).asked == "quick"
    assert read_question(question(model="fast")).asked == "fast"
