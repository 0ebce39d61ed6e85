"""`gatewright check --fix`: what has no effect goes, and the gateway stays the same."""

from __future__ import annotations

import pytest

from cli import exits
from cli.main import main
from compiler.lints.fixing import fix
from compiler.pipeline import compile_sources
from compiler.read import sources_of

POLICY = """\
# the gateway
gatewright: v1
name: small
listeners:
  local: { address: 127.0.0.1, port: 8080 }  # here
services:
  orders: { endpoints: ["127.0.0.1:1"] }
  # stays
  old:
    endpoints: ["127.0.0.1:2"]  # goes
    health: { path: / }
  shop: { endpoints: ["127.0.0.1:3"] }
providers: { a: { api: openai, key: env:A }, b: { api: openai, key: env:B } }
tiers:
  free: { limits: [2 requests/minute] }
models:
  fast:
    targets: [a/m, a/n]
    fallback: { on: [rate_limited], attempt_timeout: 5s }
routes:
  - { match: /v1, serve: llm, auth: none }
  # gatewright: allow hidden-target -- long gone
  - { match: /o, service: orders }
  - { match: /s, service: shop }  # gatewright: allow hidden-target -- gone
"""
MENDED = """\
# the gateway
gatewright: v1
name: small
listeners:
  local: { address: 127.0.0.1, port: 8080 }  # here
services:
  orders: { endpoints: ["127.0.0.1:1"] }
  # stays
  shop: { endpoints: ["127.0.0.1:3"] }
providers: { a: { api: openai, key: env:A } }
models:
  fast:
    targets: [a/m, a/n]
    fallback: { on: [rate_limited] }
routes:
  - { match: /v1, serve: llm, auth: none }
  - { match: /o, service: orders }
  - { match: /s, service: shop }
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(POLICY)
    return path


def test_what_has_no_effect_is_removed(policy, capsys):
    """The file loses it, line by line, keeps the rest, and the terminal tells what went."""
    assert main(["check", "--fix", "--strict", str(policy)]) == exits.OK
    assert policy.read_text() == MENDED
    told = capsys.readouterr().err
    assert told.count("mended ") == 6
    assert f"mended {policy}:9:3: unused-service: service `old` is never used" in told


def test_ends_of_lines_stay(policy):
    """A file with CR LF has them afterwards, on each line that is left."""
    policy.write_bytes(POLICY.replace("\n", "\r\n").encode())
    assert main(["check", "--fix", str(policy)]) == exits.OK
    assert policy.read_bytes() == MENDED.replace("\n", "\r\n").encode()


def test_a_comment_that_still_allows_something_stays(policy):
    """One code of two is needless: without the comment the other's warning would come back."""
    kept = "  # gatewright: allow unused-service, hidden-target -- until May\n"
    text = MENDED.replace("  shop:", f"  old: {{ endpoints: ['127.0.0.1:2'] }}\n{kept}  gone:")
    text = text.replace("service: shop", "service: old").replace("gone: {", "gone: {", 1)
    policy.write_text(text)
    assert main(["check", "--fix", "--strict", str(policy)]) == exits.POLICY
    assert policy.read_text() == text


@pytest.mark.parametrize("between", ["", "  two: { endpoints: ['127.0.0.1:9'] }\n"])
def test_an_alias_is_left(policy, between):
    """What it repeats stands elsewhere, and is not what is to go."""
    alias = f"  orders: &one {{ endpoints: ['127.0.0.1:1'] }}\n{between}  again: *one\n"
    text = MENDED.replace('  orders: { endpoints: ["127.0.0.1:1"] }\n', alias)
    assert alias in text
    policy.write_text(text)
    assert main(["check", "--fix", str(policy)]) == exits.OK
    assert policy.read_text() == text.replace(between, "")


def test_many_are_removed_at_once(monkeypatch):
    """A round is compiled once, however much goes: compilations are counted, not seconds."""
    many = "".join(f"  old{n}: {{ endpoints: ['127.0.0.1:2'] }}\n" for n in range(20))
    before = compile_sources(sources_of({"gateway.yaml": MENDED.replace("  # stays\n", many)}))
    whole = []

    def counted(sources, until="fleet"):
        whole.append(until)
        return compile_sources(sources, until=until)

    monkeypatch.setattr("compiler.lints.fixing.compile_sources", counted)
    sources, mended = fix(before)
    assert len(mended) == 20
    assert whole.count("fleet") == 1
    assert sources.policies[0].text == MENDED.replace("  # stays\n", "")


def test_what_must_stay_holds_nothing_else_up():
    """A provider that nothing but a price names stays, and what is beside it goes."""
    wrong = MENDED.replace("providers: {", "providers: { b: { api: openai, key: env:B },")
    wrong = wrong.replace("services:\n", "services:\n  old: { endpoints: ['127.0.0.1:2'] }\n")
    wrong += "prices:\n  b/m: { input: 1 USD/1M tokens, output: 1 USD/1M tokens }\n"
    before = compile_sources(sources_of({"gateway.yaml": wrong}))
    assert before.ok, before.diagnostics
    after, mended = fix(before)
    assert "old:" not in after.policies[0].text
    assert compile_sources(after).ok
    assert "unused-service" in {one.code for one in mended}


def test_without_the_option_nothing_is_written(policy):
    """`check` alone only tells."""
    assert main(["check", "--strict", str(policy)]) == exits.POLICY
    assert policy.read_text() == POLICY


def test_the_gateway_stays_the_same():
    """What routes and models are is not changed by it."""
    before = compile_sources(sources_of({"gateway.yaml": POLICY}))
    after = compile_sources(fix(before).sources)
    assert [one.name for one in after.plan.routes] == [one.name for one in before.plan.routes]
    assert (
        after.snapshot.version
        == compile_sources(sources_of({"gateway.yaml": MENDED})).snapshot.version
    )
    assert not after.diagnostics


def test_a_wrong_policy_is_left(policy):
    """With errors nothing is mended."""
    policy.write_text(POLICY + "unknown: 1\n")
    assert main(["check", "--fix", str(policy)]) == exits.POLICY
    assert policy.read_text() == POLICY + "unknown: 1\n"


def test_every_format_carries_lints(policy, capsys):
    """Warnings stand in JSON, SARIF, GitHub's annotations and Markdown, and allowed ones do not."""
    policy.write_text(
        POLICY.replace("  # stays\n", "  # gatewright: allow unused-service -- soon\n")
    )
    for style in ("json", "sarif", "github", "markdown"):
        assert main(["check", "--format", style, str(policy)]) == exits.OK
        out = capsys.readouterr().out
        assert "unused-provider" in out
        assert "unused-service" not in out
