"""The language server over stdio, as an editor uses it."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from cli.editors.desk import Desk, Document
from cli.editors.policies import policy_of, sources
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


def test_other_yaml_is_left_alone(tmp_path):
    """A workflow in the same workspace is no policy: nothing is told of it, nothing offered."""
    (tmp_path / "workflows").mkdir()
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "a.yaml").write_text(POLICY)
    with editing(tmp_path) as editor:
        editor.open("workflows/ci.yaml", "on: push\njobs:\n  a:\n    ste")
        assert editor.wait("workflows/ci.yaml", lambda told: told == []) == []
        assert editor.complete("workflows/ci.yaml", 3, 7) is None
        # A text that is no file yet is a policy as soon as it says so.
        editor.open("untitled:Untitled-1", "gate")
        found = editor.complete("untitled:Untitled-1", 0, 4)
        assert [item.label for item in found.items] == ["gatewright"]
        editor.change("untitled:Untitled-1", "gatewright: v1\n")
        told = editor.wait("untitled:Untitled-1", bool)
        assert any("name" in one.message for one in told)
        editor.close("untitled:Untitled-1")
        editor.wait("untitled:Untitled-1", lambda told: told == [])


def test_one_policy_for_all(tmp_path):
    """`--policy` names it where it cannot be told."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "gateway.yaml").write_text(POLICY)
    file = tmp_path / "b" / "tiers.yaml"
    desk = Desk(tmp_path)
    document = desk.documents[file.as_uri()] = Document(file.as_uri(), file, "tiers: { pro: {} }\n")
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


def test_without_pygls_it_says_what_to_install(tmp_path):
    """The package is an extra."""
    program = (
        "import sys; sys.modules['pygls'] = None; import cli.main; exit(cli.main.main(['lsp']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 3
    assert "gatewright[lsp]" in done.stderr


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cut=st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 200)),
    put=st.text(alphabet="{}[]:,-#'\"|&*! \n\r\tab\U0001f600\x0b\u2028", max_size=6),
    at=st.tuples(st.integers(0, 80), st.integers(0, 60)),
)
def test_no_text_breaks_it(fresh, cut, put, at):
    """Whatever is cut out of a policy and put in: every question has an answer, none is a fault."""
    start, length = cut
    fresh.change("gateway.yaml", WHOLE[:start] + put + WHOLE[start + length :])
    fresh.complete("gateway.yaml", *at)
    fresh.hover("gateway.yaml", *at)
    fresh.define("gateway.yaml", *at)
    fresh.symbols("gateway.yaml")
    assert fresh.messages == []
