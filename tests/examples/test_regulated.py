"""The regulated example holds its own invariants and a house's, and none of them is idle."""

from __future__ import annotations

import pytest

from cli import exits
from cli.main import main
from compiler.diagnostic import Severity
from compiler.invariants_file import with_invariants
from compiler.pipeline import compile_sources
from compiler.read import read, sources_of
from tests.conftest import REPOSITORY

POLICY = REPOSITORY / "examples" / "regulated" / "gateway.yaml"
HOUSE = REPOSITORY / "examples" / "house.yaml"

EDITS = (
    ("    budget: 200 USD/month\n    redact: personal\n", "    budget: 200 USD/month\n"),
    ("detect: [pii, de_idnr]", "detect: de_idnr"),
    ("targets: [ward/medgemma], tags: [patients]", "targets: [openai/gpt-4o], tags: [patients]"),
    ("models: [notes]", "models: [notes, letters]"),
    ("redact: secrets\n", ""),
    ("auth: keys, allow: [tag:clinical]", "auth: keys"),
    ("    limits: [60 requests/minute, 1M tokens/day]\n", ""),
    ("    budget: 200 USD/month\n", ""),
    ("serve: llm, auth: keys", "serve: llm, auth: [keys, none]"),
    ("  local: { port: 8088, address: 127.0.0.1 }\n", "  local: 8088\n  other: 8089\n"),
    ("invariants:\n", "ledger: { store: none }\ninvariants:\n"),
)


def test_it_holds_with_those_of_the_house(capsys):
    """As CI would ask, warnings and all."""
    command = ["check", "--strict", str(POLICY.parent), "--invariants", str(HOUSE)]
    assert main(command) == exits.OK
    assert capsys.readouterr().err == ""


def violated(text):
    sources = with_invariants(sources_of({"gateway.yaml": text}), [HOUSE])
    told = compile_sources(sources, until="held").diagnostics
    errors = {one.code for one in told if one.severity is Severity.ERROR}
    assert errors <= {"invariant-violated"}
    return {
        one.message.partition("the invariant ")[2].strip("`")
        for one in told
        if one.code == "invariant-violated"
    }


@pytest.mark.parametrize(("before", "after"), EDITS, ids=[after.strip() for _, after in EDITS])
def test_an_edit_that_breaks_one_is_told(before, after):
    """Each of these lines is what some invariant rests on."""
    text = POLICY.read_text()
    assert before in text
    assert violated(text.replace(before, after, 1))


def test_each_invariant_is_broken_by_some_edit():
    """An invariant that no edit could break would be no promise."""
    text = POLICY.read_text()
    broken = set().union(*(violated(text.replace(*edit, 1)) for edit in EDITS))
    sources = with_invariants(read(POLICY.parent), [HOUSE])
    linked = compile_sources(sources, until="linked").outputs["linked"]
    assert {one.name for one in linked.invariants} == broken
