"""The formats for machines: JSON, GitHub annotations, SARIF, and Markdown for comments."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostic import Diagnostic, Label, Severity
from compiler.read import Sources, sources_of
from compiler.render import (
    Format,
    render,
    render_github,
    render_gitlab,
    render_json,
    render_markdown,
    render_sarif,
)
from compiler.render.markdown import MAX_LENGTH
from compiler.render.mask import mask, mask_line
from compiler.source import Span

TEXT = "services:\n  orders: { endpoints: [a:1] }\n  orders: { endpoints: [b:1] }\n"
SOURCES = sources_of({"policies/a b.yaml": TEXT})
FIRST = Span("policies/a b.yaml", 2, 3, 2, 9)
AGAIN = Span("policies/a b.yaml", 3, 3, 3, 9)
TWICE = Diagnostic(
    "duplicate-key",
    Severity.ERROR,
    "`orders` is given twice",
    AGAIN,
    "given again here",
    (Label(FIRST, "first given here"),),
    "rename one",
)
BARE = Diagnostic("no-policy-files", Severity.WARNING, "there are none")


def test_json_is_what_its_page_says():
    """Every key is there, places are null where there are none."""
    shown = json.loads(render_json([TWICE, BARE], SOURCES))
    place = {"file": "policies/a b.yaml", "start": {"line": 3, "column": 3}}
    first = {**place, "start": {"line": 2, "column": 3}, "end": {"line": 2, "column": 9}}
    assert shown == {
        "version": 1,
        "summary": {"error": 1, "warning": 1, "note": 0},
        "diagnostics": [
            {
                "code": "duplicate-key",
                "severity": "error",
                "message": "`orders` is given twice",
                "place": {**place, "end": {"line": 3, "column": 9}},
                "text": "given again here",
                "labels": [{"place": first, "text": "first given here"}],
                "hint": "rename one",
                "notes": [],
            },
            {
                "code": "no-policy-files",
                "severity": "warning",
                "message": "there are none",
                "place": None,
                "text": "",
                "labels": [],
                "hint": None,
                "notes": [],
            },
        ],
    }


def test_json_of_nothing_is_a_document():
    """A program need not ask whether there is output."""
    assert json.loads(render_json([], Sources(())))["diagnostics"] == []


def test_github_annotates_the_place():
    """The end column is the last one that is marked, as GitHub counts."""
    assert render_github([TWICE], SOURCES) == (
        "::error file=policies/a b.yaml,line=3,endLine=3,col=3,endColumn=8,title=duplicate-key"
        "::`orders` is given twice%0Apolicies/a b.yaml:2:3: first given here%0Ahelp: rename one\n"
    )


def test_github_has_no_columns_over_several_lines():
    """GitHub refuses columns where the lines differ."""
    one = Diagnostic("a-b", Severity.NOTE, "so", Span("a.yaml", 1, 3, 2, 4))
    shown = render_github([one], Sources(()))
    assert shown == "::notice file=a.yaml,line=1,endLine=2,title=a-b::so\n"


def test_github_without_a_place():
    """It is shown at the run, and not at a line."""
    shown = render_github([BARE], SOURCES)
    assert shown == "::warning title=no-policy-files::there are none\n"


@given(st.text(), st.text(min_size=1))
def test_github_gets_one_line_for_each(message, file):
    """Nothing in a message or a file's name ends the command, or begins another one."""
    one = Diagnostic("a-b", Severity.ERROR, message, Span(file, 1, 1, 1, 2))
    shown = render_github([one], Sources(()))
    command, properties, data = re.fullmatch(r"::(\w+) (.*?)::(.*)\n", shown, re.DOTALL).groups()
    assert command == "error"
    assert "\n" not in shown[:-1]
    assert "\r" not in shown
    assert [p.partition("=")[0] for p in properties.split(",")] == [
        "file", "line", "endLine", "col", "endColumn", "title",
    ]  # fmt: skip
    undone = data.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert undone == mask(message)


def test_sarif_has_what_code_scanning_needs():
    """One run, a rule for each code, results that refer to rules and places."""
    shown = json.loads(render_sarif([TWICE, BARE, TWICE], SOURCES))
    [run] = shown["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert shown["version"] == "2.1.0"
    assert [rule["id"] for rule in rules] == ["duplicate-key", "no-policy-files"]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [
        one["ruleId"] for one in run["results"]
    ]
    first = run["results"][0]
    assert first["level"] == "error"
    [location] = first["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "policies/a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 3, "endLine": 3, "endColumn": 9},
    }
    [related] = first["relatedLocations"]
    assert related["message"]["text"] == "first given here"
    [place] = run["results"][1]["locations"]
    assert place["physicalLocation"]["region"]["startLine"] == 1


def test_sarif_names_absolute_paths_as_files():
    """A policy outside of the repository has a URI of its own."""
    one = Diagnostic("a-b", Severity.NOTE, "so", Span("/etc/a b.yaml", 1, 1, 1, 2))
    [result] = json.loads(render_sarif([one], Sources(())))["runs"][0]["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "file:///etc/a%20b.yaml"}


def test_markdown_opens_to_the_source():
    """A line for each, with the lines of the policy inside."""
    assert render_markdown([TWICE, BARE], SOURCES) == (
        "### Gatewright: 1 error, 1 warning\n"
        "\n"
        "<details open>\n"
        "<summary><b>error</b> <code>duplicate-key</code>: <code>orders</code> is given twice"
        " \u2014 <code>policies/a b.yaml:3:3</code></summary>\n"
        "\n"
        "```text\n"
        " --> policies/a b.yaml:3:3\n"
        "  |\n"
        "2 |   orders: { endpoints: [a:1] }\n"
        "  |   ------ first given here\n"
        "3 |   orders: { endpoints: [b:1] }\n"
        "  |   ^^^^^^ given again here\n"
        "  = help: rename one\n"
        "```\n"
        "\n"
        "</details>\n"
        "\n"
        "- <b>warning</b> <code>no-policy-files</code>: there are none\n"
    )


def test_markdown_cannot_be_broken_out_of():
    """Neither HTML in a message nor a fence in a policy ends what it stands in."""
    text = "a: |\n  ```\n  </details>\n  ````\n"
    message = "<img src=x onerror=alert(1)> `</code><b>` </summary>"
    one = Diagnostic("a-b", Severity.ERROR, message, Span("a.yaml", 2, 3, 4, 7))
    shown = render_markdown([one], sources_of({"a.yaml": text}))
    assert "<img" not in shown
    assert shown.count("</summary>") == 1
    assert shown.count("\n`````") == 2


def test_markdown_fits_a_comment():
    """GitHub refuses comments of more than 65,536 characters."""
    shown = render_markdown([TWICE] * 1000, SOURCES)
    assert len(shown) <= MAX_LENGTH + 100
    assert re.search(r"and \d+ more", shown)


def test_markdown_of_nothing():
    """A comment that was there before says now that all is well."""
    assert render_markdown([], Sources(())) == "### Gatewright: no findings\n"


CANARIES = [
    "sk-canary0123456789",
    "sk-ant-api03-canary_0123",
    "sk-proj-canary-0123",
    "AKIAIOSFODNN7EXAMPLE",
    "gw_canary0123456789",
    "AIzaSyCanary0123456789",
    "ghp_canary0123456789",
    "xoxb-canary-0123456789",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiJj.canary",
    "0123456789abcdef0123456789abcdef",
    "c4naryBase64WithUpperAndLower0123456789==",
]


@pytest.mark.parametrize("style", list(Format))
@pytest.mark.parametrize("canary", CANARIES)
def test_no_format_shows_a_credential(style, canary):
    """Not in a message, a label, a hint or a line of the policy, nor where it wraps to two."""
    text = f"name: {canary}\nother: [a, {canary}, b]\n"
    at = Span("a.yaml", 1, 1, 1, 5)
    one = Diagnostic(
        "bad-name",
        Severity.ERROR,
        f"`{canary}` is no name",
        at,
        f"{canary} here",
        (Label(Span("a.yaml", 2, 1, 2, 6), f"and {canary}"),),
        f"not {canary}",
    )
    assert canary not in render([one], sources_of({"a.yaml": text}), style)


@pytest.mark.parametrize("style", list(Format))
def test_no_format_shows_what_was_found_to_be_a_secret(style):
    """A secret without any form is hidden from all diagnostics that show its lines."""
    text = "openai: { api: opnai, credential: open sesame }\n"
    secret = Diagnostic("inline-secret", Severity.ERROR, "no", Span("a.yaml", 1, 35, 1, 46))
    other = Diagnostic("unknown-word", Severity.ERROR, "no", Span("a.yaml", 1, 16, 1, 21))
    assert "sesame" not in render([other, secret], sources_of({"a.yaml": text}), style)


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("key: hunter2", "key: *******"),
        ("    key: 'hunter, 2'", "    key: ***********"),
        ('{ key: "hunter2", api: openai }', "{ key: *********, api: openai }"),
        ("{ key: hunter2, api: openai }", "{ key: *******, api: openai }"),
        ("{ api_key: hunter2 }", "{ api_key: ******* }"),
        ('"x-api-key": hunter2', '"x-api-key": *******'),
        ("client_secret: hun,ter}2", "client_secret: *********"),
        ("authorization: Basic aHVudGVy", "authorization: **************"),
        ("password: hunter2", "password: *******"),
        ("url: https://user:hunter2@example.com", "url: https://************@example.com"),
        ("x: Bearer hunter2", "x: Bearer *******"),
    ],
)
def test_values_of_secret_keys_are_masked(line, masked):
    """Whatever a secret looks like, its key gives it away; the length stays."""
    assert mask_line(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "key: env:OPENAI_API_KEY",
        "{ key: file:secrets/openai, api: openai }",
        "tls: { certificate: file:a.pem, key: file:a.key }",
        "keys: { ci: { sha256: 9f86d081884c7d65 } }",
        "  key:",
        "key: { a: b }",
        "name: gateway-with-a-very-long-name-of-forty-letters",
        "targets: [openai/gpt-4o-mini, claude/claude-haiku-4-5-20251001]",
        "match: { regex: /v[0-9]+/users/[a-z]+ }",
        "endpoints: [orders.production.svc.cluster.local:8080]",
    ],
)
def test_ordinary_lines_are_shown_as_they_are(line):
    """References to secrets, names and addresses are what people need to see."""
    assert mask_line(line) == line


@given(st.text(max_size=200))
def test_a_mask_has_the_length_of_what_it_hides(line):
    """Marks stay below what they mean."""
    assert len(mask_line(line)) == len(line)


@pytest.mark.parametrize(
    "line",
    [
        "a/" * 500_000,
        "A1/" * 300_000,
        "://" + "a:" * 500_000,
        "key: " * 200_000,
        "key" + " " * 1_000_000,
        "{ key: a, " * 100_000,
        "-" * 1_000_000,
        "sk-" * 300_000,
        "0" * 1_000_000 + "g",
    ],
    ids=lambda line: line[:8],
)
def test_masks_take_bounded_time(line):
    """A line of a megabyte is masked in a moment, whatever is in it."""
    start = time.perf_counter()
    mask_line(line)
    assert time.perf_counter() - start < 5


def test_gitlab_has_what_code_quality_needs():
    """A finding by its place, with a fingerprint of its own."""
    first, bare, again = json.loads(render_gitlab([TWICE, BARE, TWICE], SOURCES))
    assert first == {
        "description": "`orders` is given twice (rename one)",
        "check_name": "duplicate-key",
        "fingerprint": first["fingerprint"],
        "severity": "critical",
        "location": {"path": "policies/a b.yaml", "lines": {"begin": 3}},
    }
    assert bare["severity"] == "minor"
    assert bare["location"] == {"path": "policies/a b.yaml", "lines": {"begin": 1}}
    assert len({first["fingerprint"], bare["fingerprint"], again["fingerprint"]}) == 3


def test_gitlab_knows_a_finding_again():
    """Lines that come before it do not make another of it."""
    padding = "# " + "x" * 120 + "\n"
    moved = Diagnostic(TWICE.code, TWICE.severity, TWICE.message, Span("a.yaml", 4, 3, 4, 9))
    here = Diagnostic(TWICE.code, TWICE.severity, TWICE.message, Span("a.yaml", 3, 3, 3, 9))
    [after] = json.loads(render_gitlab([moved], sources_of({"a.yaml": padding + TEXT + padding})))
    [before] = json.loads(render_gitlab([here], sources_of({"a.yaml": TEXT + padding})))
    assert after["fingerprint"] == before["fingerprint"]
