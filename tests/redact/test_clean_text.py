"""What is found in 300 KB of text in which nothing is to be found: false positives, by detector."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from ext_authz.redact.catalogue import detectors
from ext_authz.redact.redactor import Redactor
from ext_authz.redact.rules import Rules
from ext_authz.redact.scanner import Scanner
from tests.redact.clean_text import clean_texts

TEXTS = dict(clean_texts())


def found(*names: str) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for detector in detectors(names):
        scanner = Scanner([detector])
        for kind, text in TEXTS.items():
            counts[detector.name, kind] += len(scanner.find(text.encode()))
    return +counts


def test_there_is_enough_clean_text():
    assert sum(len(text) for text in TEXTS.values()) > 200_000


@pytest.mark.parametrize("group", ["secrets", "network"])
def test_no_secret_and_no_address_is_seen_in_clean_text(group):
    assert not found(group)


def test_of_personal_data_only_random_ids_of_sixteen_digits_are_mistaken():
    """They are 260, a tenth of which have Luhn's digit, a third of those an issuer's first ones."""
    counts = found("pii")
    assert counts.keys() <= {("credit_card", "digits")}
    assert counts["credit_card", "digits"] <= 10


def test_national_ids_mistake_seconds_since_1970_and_little_else():
    """Of 520 times in seconds or milliseconds, one of eight is some country's number."""
    counts = found("national_ids")
    assert sum(number for (_, kind), number in counts.items() if kind == "epoch") <= 70
    assert sum(number for (_, kind), number in counts.items() if kind != "epoch") <= 3


def test_clean_text_goes_out_as_it_came():
    redactor = Redactor(Rules(detectors(["email", "phone", "iban", "us_ssn", "secrets"])))
    for text in TEXTS.values():
        body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
        assert redactor.request(body).body is body
