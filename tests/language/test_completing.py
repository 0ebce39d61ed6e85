"""What may be written next."""

import pytest

from compiler.language.completing import MOST, complete
from compiler.language.forms import forms_at
from compiler.language.names import _REFERENCES, SECTIONS, Form, refers
from tests.language.cursor import POLICY, inserted, known_of, labels


def after(line, indent=0):
    """POLICY and one more line in which the cursor stands."""
    return POLICY + " " * indent + line


def test_sections_at_the_beginning():
    """An empty file is offered the sections, what must be there first."""
    assert labels("¦")[:2] == ["gatewright", "name"]
    assert {"models", "routes", "tenants"} <= set(labels("¦"))


def test_keys_of_a_document_with_their_docs():
    """Keys come with what they are for and their default."""
    (one,) = (one for one in complete(known_of(), "models:\n  a:\n    cho", 20))
    assert (one.label, one.insert, one.detail) == ("choose", "choose: ", "")
    assert "By what the first target is chosen" in one.docs


def test_required_keys_come_first():
    """`targets` is what a model cannot be without."""
    assert labels("models:\n  a:\n    ¦")[0] == "targets"


def test_no_key_twice():
    """What is written already is not offered again."""
    assert "targets" not in labels("models:\n  a:\n    targets: [x/y]\n    ¦")


def test_a_key_that_has_its_colon_gets_none():
    """Whoever renames a key keeps what follows it."""
    text = "models:\n  a:\n    tim¦: 10s\n"
    assert inserted(text, "timeout") == "models:\n  a:\n    timeout: 10s\n"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("  - { match: /a, service: ¦", ["orders"]),
        ("  - { match: /a, service: or¦", ["orders"]),
        ("  - { match: /a, serve: llm, models: [¦", ["fast", "quick"]),
        ("  - { match: /a, listeners: [¦", ["public"]),
        ("  - { match: /a, redact: ¦", ["pii"]),
        ("  - { match: /a, allow: [¦", ["acme"]),
    ],
)
def test_names_in_routes(line, wanted):
    """A name is offered where a route may refer to it."""
    assert labels(after(line)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tenants: { b: { tier: ¦", ["base", "pro"]),
        ("tenants: { b: { models: ¦", ["fast", "quick", "tag:cheap"]),
        ("tenants:\n  b:\n    models:\n      - ¦", ["fast", "quick", "tag:cheap"]),
        ("tenants: { b: { redact: [¦", ["pii"]),
        ("tiers: { gold: { extends: ¦", ["base", "pro"]),
        ("tenants: { b: { grants: [{ model: ¦", ["fast", "quick"]),
        ("groups: { eu: { nodes: eu-*, listeners: ¦", ["public"]),
        ("redact: ¦", ["pii"]),
        ("models: { other: ¦", ["fast", "quick"]),
        ("tests: [{ request: { model: ¦", ["fast", "quick"]),
        ("tests: [{ request: { key: ¦", ["acme", "acme/ci"]),
        ("tests: [{ expect: { route: or¦", ["orders"]),
        ("tests: [{ expect: { served_by: claude/claude-haiku-4-5¦", ["claude/claude-haiku-4-5"]),
        ("invariants: [{ forbid: { tenants: ¦", ["acme"]),
        ("invariants: [{ forbid: [{ redaction: ¦", ["pii"]),
    ],
)
def test_names_elsewhere(text, wanted):
    """Tiers, models by name or tag, redactions, listeners: from all files of the policy."""
    assert labels(text) == wanted


def test_routes_by_the_names_that_they_get():
    """A route without a name has one all the same, which tenants refer to."""
    assert {"orders", "v1"} <= set(labels("tenants: { b: { routes: [¦"))


def test_targets():
    """Providers, what is used of them already, and models that the shipped data knows."""
    found = labels("models: { a: { targets: [¦")
    assert found[0] == "openai/gpt-4o-mini"
    assert {"openai/", "claude/", "claude/claude-haiku-4-5"} <= set(found)
    narrowed = labels("models: { a: { targets: [claude/claude-h¦")
    assert "claude/claude-haiku-4-5" in narrowed
    assert all(name.startswith("claude/claude-h") for name in narrowed)


def test_a_target_takes_the_place_of_what_was_typed():
    """A slash is part of the word."""
    text = "models: { a: { targets: [claude/claude-h¦"
    done = "models: { a: { targets: [claude/claude-haiku-4-5"
    assert inserted(text, "claude/claude-haiku-4-5") == done


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("models: { a: { choose: ¦", ["order", "weight", "cost", "latency", "context"]),
        ("providers: { a: { trust: ¦", ["external", "internal"]),
        ("routes: [{ serve: ¦", ["llm"]),
        ("gatewright: ¦", ["v1"]),
        ("envoy: ¦", ['"1.40"']),
        ("listeners: { a: { hosts: on¦", ["on_demand"]),
    ],
)
def test_words(text, wanted):
    """Closed sets of words are offered whole; a text by its examples, quoted where it must be."""
    assert labels(text) == wanted


@pytest.mark.parametrize("text", ["name: a # ¦", "models: { a: { nothing: ¦", "name: a ¦", "x: ¦"])
def test_nothing_where_nothing_may_stand(text):
    """In comments, behind values and below unknown keys there is nothing to say."""
    assert labels(text) == []


def test_names_of_a_text_that_is_broken():
    """While one line is being written, the names of the others are still known."""
    text = POLICY + "  - { match: /x, service: "
    assert [one.label for one in complete(known_of(text), text, len(text))] == ["orders"]


def test_names_of_other_files():
    """A policy may be a folder."""
    known = known_of("gatewright: v1\n", tiers="tiers: { gold: {}, silver: {} }\n")
    assert labels("tenants: { a: { tier: ¦", known) == ["gold", "silver"]


def test_thousands_of_names():
    """An editor is sent a page of them; a letter more finds the rest."""
    many = "".join(f"  s{place}: {{ endpoints: ['a:1'] }}\n" for place in range(2_000))
    known = known_of(f"services:\n{many}")
    assert len(labels("routes: [{ service: ¦", known)) == MOST
    assert labels("routes: [{ service: s199¦", known)[0] == "s199"


@pytest.mark.parametrize(("pattern", "form"), [(one[0], one[2]) for one in _REFERENCES])
def test_references_stand_where_the_language_has_a_value(pattern, form):
    """A key that is renamed in the language must be renamed in the table of references."""
    path = tuple(0 if step == "#" else "a" if step == "*" else step for step in pattern.split())
    assert forms_at(path) != []
    assert form in Form
    assert refers(path) is not None


def test_sections_of_names_are_of_the_language():
    """The same for sections."""
    for section in SECTIONS:
        assert forms_at((section, "a")) != []
