"""What stands under the cursor, and where it is declared."""

from types import SimpleNamespace

import pytest

from cli.editors.answers import diagnostics
from compiler.language.pointing import references
from compiler.language.positions import Encoding, Position, Positions
from compiler.language.symbols import symbols
from compiler.language.understanding import understand
from compiler.lines import Lines
from compiler.read import sources_of
from compiler.source import SourceFile
from tests.language.cursor import POLICY, defined_at, hover_at, known_of


def at(text, after):
    """POLICY with the cursor in the first letter of `text`, in the line that begins `after`."""
    start = POLICY.index(text, POLICY.index(after))
    return POLICY[: start + 1] + "¦" + POLICY[start + 1 :]


def test_a_provider():
    """Where it is, what it speaks, by which lanes, and for which models."""
    shown = hover_at(at("openai", "    targets"))
    assert shown.startswith("**provider `openai`**: speaks openai, external")
    assert "- URL: `https://api.openai.com/v1`" in shown
    assert "- key: `generic/env:OPENAI_API_KEY`" in shown
    assert "- lanes: " in shown
    assert "- models: `fast`" in shown
    assert "declared at gateway.yaml:7:3" in shown


def test_a_model():
    """Its chain with prices and windows, and when it goes on."""
    shown = hover_at(at("fast", "  base:"))
    assert shown.startswith("**model `fast`**, also `quick`: chosen by order")
    assert "1. `openai/gpt-4o-mini`, 0.15 USD in, 0.6 USD out per 1M tokens (genai-prices" in shown
    assert "2. `claude/claude-haiku-4-5`" in shown
    assert "window 200,000 tokens" in shown
    assert "goes on when: rate_limited, timeout, connect_failure; at most 2 attempts" in shown
    assert "an attempt has 20s, all together 10m" in shown


def test_an_alias_is_its_model():
    """The other name is shown with the same chain."""
    assert "**model `quick`**, also `fast`" in hover_at(at("quick", "    aliases"))


def test_a_tenant():
    """What it has in the end, and from where."""
    shown = hover_at(at("acme", "tenants"))
    assert shown.startswith("**tenant `acme`**: tier `pro`")
    assert "- models: fast (tier base, gateway.yaml:18:" in shown
    assert "- limits: 10 requests/minute (tenant, gateway.yaml:23:" in shown
    assert "  - overrides 20 requests/minute (tier base)" in shown
    assert "- budget: 500 USD/month (tier pro, gateway.yaml:19:" in shown


def test_a_key_of_a_tenant():
    """The docs of the key, and the value in the end."""
    shown = hover_at(at("limits", "  acme:"))
    assert shown.startswith("**`limits`**\n\nHow much it may use")
    assert "In the end:\n\n- limits: 10 requests/minute (tenant" in shown


@pytest.mark.parametrize(
    ("text", "after", "wanted"),
    [
        ("orders", "services", "**service `orders`**: http1, dns"),
        ("base", "  pro:", "**tier `base`**"),
        ("pii", "redactions", "**redaction `pii`**"),
        ("public", "listeners", "**listener `public`**: `0.0.0.0:8080`"),
        ("orders", "  - { name", "**route `orders`**: `/orders` (prefix)"),
        ("api", "  openai", "**`api`**\n\nThe API that it speaks"),
        ("attempt_timeout", "    fallback", "**`attempt_timeout`**\n\nThe time that an attempt"),
        ("20s", "    fallback", "**`attempt_timeout`**"),
        ("match", "  - { match", "**`match`**"),
        ("models", "models:", "**`models`**\n\nThe models that clients ask for."),
    ],
)
def test_others(text, after, wanted):
    """Every kind of name tells what it is in the end; keys tell what they are for."""
    assert hover_at(at(text, after)).startswith(wanted)


def test_the_last_right_plan_is_shown_and_said_to_be_so():
    """While a text is broken, names still tell what they were."""
    broken = POLICY.replace("openai/gpt-4o-mini, ", "opnai/gpt-4o-mini, ")
    before = known_of()
    known = understand(sources_of({"gateway.yaml": broken}), before)
    cursor = broken.replace("fast], limits", "f¦ast], limits")
    shown = hover_at(cursor, known)
    assert "openai/gpt-4o-mini" in shown
    assert "The policy has errors" in shown


def test_no_secret_shows():
    """What looks like a key is masked wherever it stands."""
    secret = "sk-canary0123456789canary"
    text = POLICY.replace("name: edge", f"name: edge\nruntime: {{ a: {secret} }}")
    assert secret not in hover_at(text.replace("runtime", "r¦untime", 1))
    known = known_of(POLICY.replace("env:OPENAI_API_KEY", secret))
    cursor = POLICY.replace("env:OPENAI_API_KEY", secret).replace("  openai:", "  op¦enai:")
    assert secret not in hover_at(cursor, known)


@pytest.mark.parametrize(
    ("text", "after", "wanted"),
    [
        ("openai", "    targets", ["gateway.yaml:7"]),
        ("claude", "claude/", ["gateway.yaml:8"]),
        ("fast", "  base:", ["gateway.yaml:10"]),
        ("base", "  pro:", ["gateway.yaml:18"]),
        ("pro", "  acme:", ["gateway.yaml:19"]),
        ("pii", "  base:", ["gateway.yaml:16"]),
        ("acme", "  - { match: /v1", ["gateway.yaml:21"]),
        ("orders", "service: orders", ["gateway.yaml:5"]),
        ("acme", "tenants", ["gateway.yaml:21"]),
        ("gpt-4o-mini", "    targets", []),
        ("limits", "  acme", ["gateway.yaml:18"]),  # what it replaces
    ],
)
def test_definitions(text, after, wanted):
    """A name leads to where it is declared."""
    assert defined_at(at(text, after)) == wanted


def test_definitions_in_other_files():
    """A policy may be a folder."""
    text = "tenants: { acme: { tier: g¦old } }\n"
    assert defined_at(text, tiers="\ntiers: { gold: {} }\n") == ["tiers.yaml:2"]


def test_an_alias_leads_to_where_it_is_listed():
    """A model's other name is declared in its list."""
    text = POLICY.replace("allow: [acme]", "models: [qu¦ick]")
    assert defined_at(text) == ["gateway.yaml:13"]


def test_references():
    """A declaration leads to all that refer to it."""
    found = references(known_of(), "gateway.yaml", POLICY.index("base:"))
    assert [POLICY[one.start : one.end] for one in found] == ["base"]
    assert found[0].start == POLICY.index("base", POLICY.index("extends"))


def test_symbols():
    """Sections, and the names in them; a route by what it matches."""
    sections = symbols(known_of().outlines["gateway.yaml"])
    names = {one.name: [inner.name for inner in one.inside] for one in sections}
    assert names["providers"] == ["openai", "claude"]
    assert names["tiers"] == ["base", "pro"]
    assert names["routes"] == ["/v1", "/orders"]
    assert [one.name for one in sections][:3] == ["gatewright", "name", "listeners"]
    for one in sections:
        for inner in one.inside:
            assert one.start <= inner.start <= inner.stop <= inner.end <= one.end


@pytest.mark.parametrize(
    ("encoding", "column"),
    [(Encoding.UTF8, 7), (Encoding.UTF16, 4), (Encoding.UTF32, 3)],
)
def test_positions(encoding, column):
    """Columns count code units of what client and server agreed on."""
    text = "a\r\né\U0001f600b\rc\n"
    positions = Positions(text, encoding)
    index = text.index("b") + 1
    assert positions.position(index) == Position(1, column)
    assert positions.index(positions.position(index)) == index
    assert positions.position(text.index("c")) == Position(2, 0)
    assert positions.index(Position(9, 9)) == len(text)
    assert positions.index(Position(0, 99)) == 1


def test_a_file_is_read_once_for_all_that_is_wrong_in_it():
    """Reads of the text are counted: from its beginning for each place, thousands took seconds."""
    text = POLICY + "".join(f"  - {{ match: /{n}, service: none{n} }}\n" for n in range(200))
    known = known_of(text)
    read = []

    def read_text(file):
        read.append(file)
        return known.text(file)

    counted = SimpleNamespace(diagnostics=known.diagnostics, text=read_text)
    told = diagnostics(counted, Encoding.UTF16, "gateway.yaml")["gateway.yaml"]
    assert len(told) >= 200
    assert len(read) <= 2
    lines = text.splitlines()
    for one in told:
        if one.code == "unknown-service":
            start, end = one.range.start, one.range.end
            assert lines[start.line][start.character : end.character].startswith("none")


def test_indexes_are_the_inverse_of_lines_and_columns():
    """Also at the ends of lines and of the text, and behind it."""
    lines = Lines(SourceFile("a", "ab\r\n\ncé\n"))
    assert all(lines.index(*lines.position(at)) == at for at in range(9))
    assert lines.index(99, 1) == lines.index(4, 9) == 8
