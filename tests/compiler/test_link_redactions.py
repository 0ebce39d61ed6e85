"""Redactions: what they say is there, and what it becomes in the plan."""

import pytest

from compiler.schema.redactions import Replacement
from ext_authz.redact.catalogue import BUILT_IN
from ext_authz.redact.catalogue import GROUPS as CATALOGUE_GROUPS
from ext_authz.redact.rules import Action
from policies.secret import SecretKind, SecretRef
from tests.compiler.stages import FAST, LISTENER, LLM, OPENAI, codes, finding, plan_of
from xds.edge.detectors import DETECTORS, GROUPS
from xds.edge.processing import Pattern, Redaction, Scope

MODELS = (LISTENER, OPENAI, FAST, LLM)


def redaction(text):
    return plan_of(*MODELS, f"redactions: {{ pii: {{ {text} }} }}", "redact: pii").redactions[0]


def fault(text, code=None):
    return finding(*MODELS, f"redactions: {{ pii: {{ {text} }} }}", "redact: pii", code=code)


def test_the_names_are_the_catalogue_s():
    """The compiler and the edge know the same detectors, groups and actions."""
    assert tuple(BUILT_IN) == DETECTORS
    assert CATALOGUE_GROUPS == GROUPS
    assert [one.value for one in Action] == [one.value for one in Replacement]


def test_a_redaction_by_itself():
    """What is not written is a placeholder that is put back, for external providers."""
    made = redaction("detect: pii")
    assert (made.name, made.hash_key) == ("pii", None)
    assert made.rules == Redaction(detect=("pii",))
    assert made.rules.scope is Scope.EXTERNAL


def test_a_redaction_with_everything():
    """All that is written is in the rules, sorted."""
    made = redaction(
        "detect: [email, credit_card], patterns: { employee: 'EMP-[0-9]{6}' }, "
        "words: { code_names: [Nightjar, Bluebird] }, entities: PERSON, language: de, "
        "replace: hash, actions: { credit_card: block }, answers: mask, restore: false, "
        "when: all, hash_key: env:HASH"
    )
    key = SecretRef(SecretKind.GENERIC, ("env:HASH",))
    assert made.hash_key == key
    assert made.rules == Redaction(
        detect=("credit_card", "email"),
        patterns=(
            Pattern(name="code_names", words=("Bluebird", "Nightjar")),
            Pattern(name="employee", pattern="EMP-[0-9]{6}"),
        ),
        entities=("PERSON",),
        language="de",
        action="hash",
        actions={"credit_card": "block"},
        answers="mask",
        restore=False,
        scope=Scope.ALL,
        hash_key=key.name,
    )


def test_where_redactions_hold():
    """The gateway, routes, tiers and tenants name them; a tenant's own list replaces its tier's."""
    plan = plan_of(
        LISTENER,
        OPENAI,
        FAST,
        "redactions: { a: { detect: email }, b: { detect: phone }, c: { detect: iban } }",
        "redact: a",
        "tiers: { gold: { redact: b } }",
        "tenants: { x: { tier: gold }, y: { tier: gold, redact: [c, a] } }",
        "routes: [{ match: /v1, serve: llm, auth: none, redact: [b] }]",
    )
    assert plan.redact == ("a",)
    assert plan.routes[0].redact == ("b",)
    assert {tenant.name: tenant.redact for tenant in plan.tenants} == {
        "x": ("b",),
        "y": ("a", "c"),
    }
    origins = {one.key: one for one in plan.tenants[1].origins}
    assert (origins["redact"].value, origins["redact"].overrides) == (
        "c, a",
        (("tier gold", "b"),),
    )


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("detect: [emial]", "unknown-detector", "did you mean `email`?"),
        ("detect: [zzzzzz]", "unknown-detector", "there are the groups `pii`, `network`"),
        ("replace: mask", "empty-redaction", "write `detect: pii`"),
        ("detect: email, replace: hash", "hash-without-key", "hash_key: env:"),
        ("detect: email, answers: hash", "hash-without-key", "hash_key: env:"),
        ("detect: email, actions: { emial: block }", "unknown-detector", "did you mean `email`?"),
        ("detect: pii, actions: { pii: block }", "unknown-detector", "one by one"),
        ("patterns: { email: x }", "duplicate-detector", "give yours another name"),
        ("patterns: { x: a }, words: { x: [b] }", "duplicate-detector", "rename one of them"),
        ("patterns: { x: '(?=a)b' }", "bad-regex", "the group `v`"),
        ("patterns: { x: 'a*' }", "empty-pattern", "such as `+`"),
        ("patterns: { x: '[b-a]' }", "bad-regex", "RE2"),
        ("detect: email, replace: redact", "unknown-word", "`placeholder`, `hash`"),
    ],
)
def test_faults(text, code, hint):
    """Each thing that cannot be has its code and says what to do."""
    said = fault(text, code=code)
    assert said.severity == "error"
    assert hint in said.hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("detect: national_ids", "many-national-ids"),
        ("detect: email, replace: mask, restore: true", "nothing-to-restore"),
        ("detect: email, hash_key: env:K", "idle-hash-key"),
    ],
)
def test_warnings(text, code):
    """What has no effect, or finds too much, is told."""
    assert fault(text).code == code
    assert fault(text).severity == "warning"


def test_an_unknown_redaction():
    """A name that leads nowhere has its likeliest meaning."""
    said = finding(
        *MODELS, "redactions: { pii: { detect: pii } }", "redact: [pi]", code="unknown-redaction"
    )
    assert (said.at, said.hint) == ("pi", "did you mean `pii`?")


def test_a_redaction_that_holds_nowhere():
    """One that nobody names is told."""
    assert codes(*MODELS, "redactions: { pii: { detect: pii } }") == ["unused-redaction"]


def test_a_route_without_models():
    """Other requests are not looked into."""
    said = finding(
        LISTENER,
        "redactions: { pii: { detect: pii } }",
        "routes: [{ match: /, respond: 404, redact: pii }]",
    )
    assert said.code == "redact-without-models"
