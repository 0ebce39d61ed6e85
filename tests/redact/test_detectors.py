"""Each detector finds its values, whatever stands around, and not what only looks like them."""

from __future__ import annotations

import pytest

from ext_authz.redact.catalogue import BUILT_IN, GROUPS, detectors
from ext_authz.redact.detector import Finding, merged
from ext_authz.redact.errors import DetectorError
from ext_authz.redact.scanner import Scanner
from tests.redact.planted import VALUES, said

AROUND = (
    "{}",
    "x: {}",
    '"{}"',
    "({})",
    "<{}>",
    "mail\n{}\n",
    "[{}](x)",
    "é {} é",
    "{}.",
    "**{}**,",
)
# A sentence's dot, hyphen or colon is a part of some; of these the words around decide.
SAID_ONLY = {"url_password", "bearer_token"}


def found(name: str, text: str) -> list[str]:
    data = text.encode()
    return [data[one.start : one.end].decode() for one in Scanner(detectors([name])).find(data)]


def test_every_detector_has_values_planted():
    assert VALUES.keys() == BUILT_IN.keys()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_detector_finds_its_values(name):
    for value in VALUES[name]:
        assert found(name, said(name, value)) == [value]


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in SAID_ONLY])
def test_a_detector_finds_its_values_whatever_stands_around_them(name):
    for value in VALUES[name]:
        for around in AROUND:
            assert found(name, around.format(value)) == [value], around


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in SAID_ONLY])
def test_two_values_side_by_side_are_both_found(name):
    first, last = VALUES[name][0], VALUES[name][-1]
    assert found(name, f"{first}, {last}") == [first, last]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("email", "git@github.com:example/repository.git"),
        ("email", "@decorator and react@18.2.0 and user@localhost"),
        ("phone", "2024-05-06 10:22:33 and 2024/05/06"),
        ("phone", "550e8400-e29b-41d4-a716-446655440000"),
        ("phone", "ISBN 978-3-16-148410-0"),
        ("phone", "3.1415926535897932 and 1,234,567,890"),
        ("phone", "192.168.100.200"),
        ("credit_card", "4111111111111112"),
        ("credit_card", "1234567890123456 and 0000 0000 0000 0000"),
        ("credit_card", "0.4111111111111111"),
        ("credit_card", "1700000000000000"),
        ("iban", "DE00370400440532013000"),
        ("us_ssn", "000-12-3456 and 666-12-3456 and 2024-05-0600"),
        ("ip_address", "127.0.0.1, 0.0.0.0, 999.1.1.1, 1.3.6.1.4.1.311, v1.2.3.4"),
        ("ipv6_address", "std::vector, a::b, 12:34:56, ::1, Foo::Bar, be::ef"),
        ("jwt", "eyes.wide.shut and eyJhbGciOi"),
        ("private_key", "a key begins with -----BEGIN PRIVATE KEY----- and goes on"),
        ("openai_key", "sk-learn, sk-proj-x, task-management-system-for-everyone"),
        ("nl_bsn", "111222334 and 000000000"),
    ],
)
def test_what_only_looks_like_a_value_is_not_found(name, text):
    assert found(name, text) == []


def test_a_number_before_a_card_or_behind_it_does_not_hide_it():
    assert found("credit_card", "12 4111 1111 1111 1111 99") == ["4111 1111 1111 1111"]
    assert found("credit_card", "order 7 4111111111111111") == ["4111111111111111"]


def test_a_keyword_makes_bare_digits_a_number():
    assert found("us_ssn", "his SSN is 536904399.") == ["536904399"]
    assert found("us_ssn", "order 536904399") == []
    assert found("phone", "phone: 4155552671") == ["4155552671"]


def test_a_key_whose_end_is_missing_goes_with_its_lines():
    value = VALUES["private_key"][0]
    cut = value[: value.index("\n-----END")]
    assert found("private_key", f"{cut}\nwhat is this?")[0].startswith(cut)


def test_a_key_in_one_line_with_escapes_is_found():
    value = VALUES["private_key"][1].replace("\n", "\\n")
    assert found("private_key", f'KEY="{value}"') == [value]


def test_an_address_in_a_url_is_found_with_its_escape():
    assert found("email", "https://x.example/?to=bob%40example.com&a=1") == ["bob%40example.com"]


def test_findings_that_overlap_become_one():
    joined = merged([Finding(0, 10, "a"), Finding(5, 20, "b"), Finding(20, 22, "c")])
    assert joined == [Finding(0, 20, "b"), Finding(20, 22, "c")]


def test_an_unknown_name_is_refused_and_a_group_stands_for_its_members():
    with pytest.raises(DetectorError, match="nothing"):
        detectors(["nothing"])
    assert [one.name for one in detectors(["email", "pii"])] == list(GROUPS["pii"])


def test_the_gate_misses_no_value_that_a_detector_finds():
    scanner = Scanner(BUILT_IN.values())
    for name, values in VALUES.items():
        for value in values:
            text = said(name, value).encode()
            found_by_all = scanner.find(text, scanner.all_hits)
            assert scanner.find(text) == found_by_all
            assert found_by_all
