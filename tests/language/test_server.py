"""The language server over stdio, as an editor uses it."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from cli import exits
from cli.editors.desk import Desk, Document
from cli.editors.policies import policy_of, sources
from cli.main import main
from tests.fuzz.policies import WHOLE
from tests.language.cursor import POLICY
from tests.language.editor import editing

FAULT = POLICY.replace("openai/gpt-4o-mini", "opnai/gpt-4o-mini")
TIERS = "tiers: { gold: { models: [fast] } }\n"


def errors(told):
    """Lints may grow; what is wrong does not."""
    return [one for one in told if one.severity == types.DiagnosticSeverity.Error]


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "tiers.yaml").write_text(TIERS)
    (folder / "gateway.yaml").write_text(POLICY)
    with editing(folder) as editor:
        editor.open("gateway.yaml", POLICY)
        editor.wait("tiers.yaml", bool)  # a tier that nobody has
        yield editor


@pytest.fixture
def fresh(editor):
    """The same editor, in which the text is right again after a test."""
    yield editor
    editor.change("gateway.yaml", POLICY)
    editor.wait("gateway.yaml", lambda told: errors(told) == [])


def line(text):
    """The line of the policy that begins like this, from 0."""
    return next(at for at, one in enumerate(POLICY.splitlines()) if one.startswith(text))


def test_what_it_can_do(editor):
    """The server says hello with what it does."""
    able = editor.answer.capabilities
    assert able.text_document_sync.change is types.TextDocumentSyncKind.Full
    assert able.position_encoding == types.PositionEncodingKind.Utf16
    assert ":" in able.completion_provider.trigger_characters
    for what in ("hover", "definition", "references", "document_symbol"):
        assert getattr(able, f"{what}_provider")


def test_diagnostics_as_the_compiler_gives_them(fresh):
    """Code, place, hint and the other place, of the text in the editor and not of that on disk."""
    fresh.change("gateway.yaml", FAULT)
    (told,) = errors(fresh.wait("gateway.yaml", errors))
    assert (told.code, told.source, told.severity) == (
        "unknown-provider",
        "gatewright",
        types.DiagnosticSeverity.Error,
    )
    assert "help: did you mean `openai`?" in told.message
    at = line("    targets")
    assert told.range.start == types.Position(at, 14)
    assert told.related_information[0].location.range.start == types.Position(line("  openai"), 2)


def test_diagnostics_of_other_files(fresh):
    """What a change breaks elsewhere is told there, and taken back when it is mended."""
    fresh.change("gateway.yaml", POLICY.replace("  fast:", "  quicker:"))
    fresh.wait("tiers.yaml", lambda told: any(one.code == "unknown-model" for one in told))
    fresh.change("gateway.yaml", POLICY)
    fresh.wait("tiers.yaml", lambda told: told and errors(told) == [])


def test_syntax_errors(fresh):
    """A bracket that is open is told, and names go on to be known."""
    fresh.change("gateway.yaml", POLICY + "groups: { eu: { nodes: a, listeners: [")
    fresh.wait("gateway.yaml", errors)
    last = POLICY.count("\n")
    found = fresh.complete("gateway.yaml", last, 38)
    assert [item.label for item in found.items] == ["public"]


def test_completion(fresh):
    """Names of all files, in place of what was typed."""
    fresh.change("gateway.yaml", POLICY.replace("tier: pro", "tier: go"))
    at = line("    tier:")
    found = fresh.complete("gateway.yaml", at, 12)
    assert [item.label for item in found.items] == ["gold"]
    edit = found.items[0].text_edit
    assert edit.new_text == "gold"
    assert (edit.range.start, edit.range.end) == (types.Position(at, 10), types.Position(at, 12))


def test_completion_of_keys(editor):
    """Keys with their docs."""
    found = editor.complete("gateway.yaml", line("    fallback"), 4)
    labels = {item.label: item for item in found.items}
    assert "timeout" in labels
    assert "model_timeout" in labels["timeout"].documentation.value
    assert labels["timeout"].kind == types.CompletionItemKind.Property


def test_hover(editor):
    """The effective value, and where it comes from."""
    found = editor.hover("gateway.yaml", line("  acme"), 3)
    assert "**tenant `acme`**: tier `pro`" in found.contents.value
    assert "overrides 20 requests/minute (tier base)" in found.contents.value
    assert "declared at gateway.yaml:21:3" in found.contents.value
    assert found.range.start == types.Position(line("  acme"), 2)
    assert editor.hover("gateway.yaml", 0, 99) is not None
    assert editor.hover("gateway.yaml", 999, 0) is None


def test_definition_and_references(editor):
    """There and back, across files."""
    (found,) = editor.define("gateway.yaml", line("    tier:"), 11)
    assert found.uri == editor.uri("gateway.yaml")
    assert found.range.start.line == line("  pro")
    back = editor.refer("gateway.yaml", line("  fast:"), 3)
    assert {one.uri for one in back} == {editor.uri("gateway.yaml"), editor.uri("tiers.yaml")}


def test_symbols(editor):
    """Sections with names."""
    found = {one.name: one for one in editor.symbols("gateway.yaml")}
    assert [one.name for one in found["providers"].children] == ["openai", "claude"]


def test_other_yaml_is_left_alone(editor, tmp_path):
    """A workflow is no policy: nothing is told of it, nothing offered."""
    workflow = (tmp_path / "ci.yaml").as_uri()
    editor.open(workflow, "on: push\njobs:\n  a:\n    ste")
    assert editor.wait(workflow, lambda told: told == []) == []
    assert editor.complete(workflow, 3, 7) is None
    assert editor.hover(workflow, 0, 1) is None


def test_a_text_that_is_no_file_yet(editor):
    """It is a policy as soon as it says so, and until it is closed."""
    name = "untitled:Untitled-1"
    editor.open(name, "gate")
    assert [item.label for item in editor.complete(name, 0, 4).items] == ["gatewright"]
    editor.change(name, "gatewright: v1\n")
    assert any("name" in one.message for one in editor.wait(name, bool))
    editor.close(name)
    editor.wait(name, lambda told: told == [])


def test_one_policy_for_all(tmp_path):
    """`--policy` names it where it cannot be told."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "gateway.yaml").write_text(POLICY)
    file = tmp_path / "b" / "tiers.yaml"
    desk = Desk(tmp_path)
    document = Document(file.as_uri(), file, "tiers: { pro: {} }\n")
    desk.put(document)
    known = desk.understand(desk.policy(document))
    assert [one.code for one in known.diagnostics] == ["duplicate-key"]
    assert Desk().policy(document) is None


@pytest.mark.parametrize(
    ("files", "file", "wanted"),
    [
        ({"a.yaml": "gatewright: v1"}, "a.yaml", "."),
        ({"a.yaml": "gatewright: v1", "t/b.yaml": ""}, "t/b.yaml", "."),
        ({"a.yaml": "gatewright: v1", "b.yaml": "gatewright: v1"}, "a.yaml", "a.yaml"),
        ({"a.yaml": "gatewright: v1", "b.yaml": "gatewright: v1"}, "c.yaml", None),
        ({"a.yaml": "gatewright: v1", "e/x/b.yaml": "gatewright: v1"}, "a.yaml", "a.yaml"),
        ({"a.yaml": "gatewright: v1", "e/x/b.yaml": "gatewright: v1"}, "e/x/b.yaml", "e/x"),
        ({"a.yaml": "on: push"}, "a.yaml", None),
    ],
)
def test_which_policy_a_file_is_of(tmp_path, files, file, wanted):
    """The nearest folder above with a file that says `gatewright:`; of several, each its own."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = policy_of(tmp_path / file, {}, tmp_path)
    assert found == (None if wanted is None else tmp_path / wanted)


def test_open_texts_go_before_those_on_disk(tmp_path):
    """Also where a file is not there yet, or cannot be read."""
    (tmp_path / "a.yaml").write_text("name: a\n")
    (tmp_path / "b.yaml").write_bytes(b"name: \xff\n")
    texts = {tmp_path / "a.yaml": "name: x\n", tmp_path / "c.yaml": "envoy: '1.40'\n"}
    read = sources(tmp_path, texts)
    assert [one.text for one in read.policies] == ["name: x\n", "envoy: '1.40'\n"]
    assert [one.code for one in read.problems] == ["not-utf-8"]
    assert sources(tmp_path, {**texts, tmp_path / "b.yaml": ""}).problems == ()


def test_without_pygls_it_says_what_to_install(monkeypatch, capsys):
    """The package is an extra."""
    monkeypatch.setitem(sys.modules, "pygls", None)
    monkeypatch.delitem(sys.modules, "cli.editors.server", raising=False)
    monkeypatch.delitem(sys.modules, "cli.editors.answers", raising=False)
    assert main(["lsp"]) == exits.ENVIRONMENT
    assert "gatewright[lsp]" in capsys.readouterr().err


BROKEN = {
    "cut": st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 200)),
    "put": st.text(alphabet="{}[]:,-#'\"|&*! \n\r\tab\U0001f600\x0b\u2028", max_size=6),
    "at": st.tuples(st.integers(0, 80), st.integers(0, 60)),
}
FIXTURE = [HealthCheck.function_scoped_fixture]


@settings(max_examples=6, suppress_health_check=FIXTURE)
@given(**BROKEN)
def test_no_text_breaks_it(fresh, cut, put, at):
    """Whatever is cut out of a policy and put in: every question has an answer, none is a fault."""
    ask_everything(fresh, cut, put, at)


@pytest.mark.slow
@settings(max_examples=500, suppress_health_check=FIXTURE)
@given(**BROKEN)
def test_many_texts_break_nothing(fresh, cut, put, at):
    """The same, for longer."""
    ask_everything(fresh, cut, put, at)


def ask_everything(editor, cut, put, at):
    start, length = cut
    editor.change("gateway.yaml", WHOLE[:start] + put + WHOLE[start + length :])
    editor.complete("gateway.yaml", *at)
    editor.hover("gateway.yaml", *at)
    editor.define("gateway.yaml", *at)
    editor.refer("gateway.yaml", *at)
    editor.symbols("gateway.yaml")
    assert editor.messages == []
