"""SARIF that code scanning takes: the official schema, and what GitHub asks for besides."""

import json
from pathlib import Path

import jsonschema
import pytest

from compiler.diagnostic import Diagnostic, Label, Severity
from compiler.lints.registry import LINTS
from compiler.pipeline import compile_path, compile_sources
from compiler.read import Sources, sources_of
from compiler.render import render_sarif
from compiler.render.fingerprint import line_hashes
from compiler.render.sarif import MOST_RESULTS
from compiler.source import Span

ROOT = Path(__file__).parents[2]
WRONG = """\
gatewright: v1
name: a
listeners: { p: 8080 }
services:
  orders: { endpoints: [a:1] }
  unused: { endpoints: [a:2] }
providers: { o: { api: openai, key: env:KEY } }
routes:
  - { match: /a, service: ordres }
  - { match: /b, service: odrers, auth: keys }
"""


@pytest.fixture(scope="module")
def official():
    schema = json.loads((ROOT / "tests/schemas/sarif-2.1.0.json").read_text())
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def run_of(diagnostics, sources):
    return json.loads(render_sarif(diagnostics, sources))["runs"][0]


def faults(official, diagnostics, sources):
    document = json.loads(render_sarif(diagnostics, sources))
    return [f"{list(error.path)}: {error.message}" for error in official.iter_errors(document)] + [
        *wanted_by_github(document)
    ]


def wanted_by_github(document):
    """What the page "SARIF support for code scanning" calls required, and its limits."""
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        ids = [rule["id"] for rule in driver["rules"]]
        if len(ids) != len(set(ids)):
            yield "a rule is there twice"
        for rule in driver["rules"]:
            for key in ("shortDescription", "fullDescription", "help"):
                if not 0 < len(rule[key]["text"]) <= 1024:
                    yield f"{rule['id']}: {key}"
            if not 0 < len(rule["name"]) <= 255 or len(rule["properties"]["tags"]) > 20:
                yield f"{rule['id']}: name or tags"
        if len(run["results"]) > 25_000:
            yield "too many results"
        for result in run["results"]:
            if ids[result["ruleIndex"]] != result["ruleId"]:
                yield "a result of another rule"
            if not result["message"]["text"]:
                yield "no message"
            if len(result["locations"]) != 1:
                yield "not one place"
            place = result["locations"][0]["physicalLocation"]
            uri = place["artifactLocation"]["uri"]
            if uri.startswith("/") or "\\" in uri or " " in uri:
                yield f"no relative URI: {uri}"
            region = place["region"]
            if not {"startLine", "startColumn", "endLine", "endColumn"} <= region.keys():
                yield "no region"
            if (region["startLine"], region["startColumn"]) > (
                region["endLine"],
                region["endColumn"],
            ):
                yield "a region that ends before it begins"


def test_a_policy_with_faults(official):
    """Errors and warnings of a real policy, each with the fingerprint of its line."""
    sources = sources_of({"policies/a b.yaml": WRONG})
    diagnostics = compile_sources(sources).diagnostics
    assert len(diagnostics) > 1
    assert faults(official, diagnostics, sources) == []
    results = run_of(diagnostics, sources)["results"]
    assert all(one["partialFingerprints"]["primaryLocationLineHash"] for one in results)


def test_no_secret_shows(official):
    """A key that stands in a policy is told, and not shown."""
    sources = sources_of({"a.yaml": WRONG.replace("env:KEY", "sk-canary0123456789canary")})
    diagnostics = compile_sources(sources).diagnostics
    assert faults(official, diagnostics, sources) == []
    assert "canary" not in render_sarif(diagnostics, sources)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*/")))
def test_examples(official, name, monkeypatch):
    """Whatever an example is warned of."""
    monkeypatch.chdir(ROOT)
    compiled = compile_path(Path("examples") / name)
    assert faults(official, compiled.diagnostics, compiled.sources) == []


@pytest.mark.parametrize(
    ("files", "wanted"),
    [({"gateway.yaml": "a: 1"}, "gateway.yaml"), ({}, ".")],
)
def test_what_has_no_place_is_of_the_policy(official, files, wanted):
    """Code scanning shows no result without a place."""
    sources = sources_of(files) if files else Sources(())
    one = Diagnostic("too-many-files", Severity.ERROR, "there are too many")
    assert faults(official, [one], sources) == []
    [result] = run_of([one], sources)["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == wanted


def test_which_version_said_so(official):
    """Logs of different versions are told apart."""
    document = json.loads(render_sarif([], sources_of({"a.yaml": ""}), version="0.1.0"))
    assert list(official.iter_errors(document)) == []
    assert document["runs"][0]["tool"]["driver"]["semanticVersion"] == "0.1.0"


def test_every_lint_has_its_page(official):
    """Why it is said and what to do instead is shown beside the alert."""
    span = Span("a.yaml", 1, 1, 1, 2)
    labels = (Label(span, "here"),)
    every = [Diagnostic(one.code, Severity.WARNING, "so", span, "", labels) for one in LINTS]
    sources = sources_of({"a.yaml": "a: 1\n"})
    assert faults(official, every, sources) == []
    rules = {rule["id"]: rule for rule in run_of(every, sources)["tool"]["driver"]["rules"]}
    for one in LINTS:
        assert rules[one.code]["fullDescription"]["text"] == one.why
        assert one.instead in rules[one.code]["help"]["markdown"]


def test_errors_go_before_warnings_where_there_are_too_many(official):
    """Of a run with more results than are taken, the errors are there."""
    span = Span("a.yaml", 1, 1, 1, 2)
    warning = Diagnostic("unused-tier", Severity.WARNING, "so", span)
    error = Diagnostic("bad-name", Severity.ERROR, "so", span)
    many = [Diagnostic("unused-tier", Severity.WARNING, str(at), span) for at in range(9_000)]
    results = run_of([warning, *many, error], sources_of({"a.yaml": "a"}))["results"]
    assert len(results) == MOST_RESULTS
    assert results[-1]["ruleId"] == "bad-name"


def test_a_fingerprint_stays_when_lines_move():
    """Lines that are added far above a fault make no new alert of it."""
    padding = "# " + "x" * 200 + "\n"
    before = sources_of({"a.yaml": WRONG + padding})
    after = sources_of({"a.yaml": padding * 3 + WRONG + padding})

    def told(sources):
        found = run_of(compile_sources(sources).diagnostics, sources)["results"]
        return [one["partialFingerprints"] for one in found]

    assert told(before) == told(after)


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (
            " a\nb\n  \t\tc\n d",
            ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
        ),
        *(
            (
                text,
                [
                    "e9496ae3ebfced30:1",
                    "fb7c023a8b9ccb3f:1",
                    "ce8ba1a563dcdaca:1",
                    "e20e36e16fcb0cc8:1",
                    "b3edc88f2938467e:1",
                    "c8e28b0b4002a3a0:1",
                    "c129715d7a2bc9a3:1",
                ],
            )
            for text in (
                " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n",
                " hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r",
                " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
                " hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n",
            )
        ),
        (
            "Lorem ipsum dolor sit amet.\n" * 10,
            [
                *(f"a7f2ff13bc495cf2:{count}" for count in range(1, 7)),
                "a7f2ff1481e87703:1",
                "a9cf91f7bbf1862b:1",
                "55ec222b86bcae53:1",
                "cc97dc7b1d7d8f7b:1",
                "c129715d7a2bc9a3:1",
            ],
        ),
    ],
)
def test_fingerprints_are_those_of_github(text, hashes):
    """The values that GitHub's own upload gives to these lines."""
    assert line_hashes(text) == hashes
