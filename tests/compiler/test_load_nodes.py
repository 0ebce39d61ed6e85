"""Nodes: what scalars mean by YAML 1.2's core schema, and where everything stands."""

from __future__ import annotations

import sys

import pytest

from compiler import compose as composing
from compiler.diagnostic import Reporter
from compiler.load import load
from compiler.node import find, key_place, place, plain
from compiler.read import sources_of


def loaded(text, **more):
    reporter = Reporter()
    root = load(sources_of({"gateway.yaml": text, **more}), reporter)
    assert not reporter.diagnostics, reporter.diagnostics
    return root


def refused(text):
    reporter = Reporter()
    load(sources_of({"gateway.yaml": text}), reporter)
    return [one.code for one in reporter.diagnostics]


def work(text):
    """How many calls, of Python's functions and of C's, loading makes."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        refused(text)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("12", 12),
        ("+12", 12),
        ("-1", -1),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1.40", 1.4),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".", "."),
        ("-", "-"),
        ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"),
        ("20s", "20s"),
        ("50%", "50%"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("nullable", "nullable"),
        ("'12'", "12"),
        ('"true"', "true"),
        ('"\\u00e9"', "é"),
        ("=", "="),
        ("orders.internal:8080", "orders.internal:8080"),
    ],
)
def test_what_a_scalar_means(written, meant):
    """A plain scalar is what the core schema of YAML 1.2 says, a quoted one is a text."""
    if written == "-":
        written = "'-'"
    value = plain(loaded(f"key: {written}\n"))["key"]
    assert (type(value), value) == (type(meant), meant)


def test_on_is_a_key():
    """`fallback.on` needs no quotes."""
    assert plain(loaded("on: [a]\n")) == {"on": ["a"]}


def test_places_of_keys_and_values():
    """Lines and columns count from 1, ends are exclusive, quotes belong to the value."""
    root = loaded('a:\n  b: "x y"\n  c: [1, 22]\n')
    assert str(place(root, ("a", "b"))) == "gateway.yaml:2:6"
    assert place(root, ("a", "b")).end_column == 11
    assert str(key_place(root, ("a", "b"))) == "gateway.yaml:2:3"
    assert str(place(root, ("a", "c", 1))) == "gateway.yaml:3:10"


def test_columns_count_characters_and_not_bytes():
    """An editor jumps to the right place behind letters that are not ASCII."""
    root = loaded('a: { "日本語": x }\n')
    assert place(root, ("a", "日本語")).column == 13


def test_a_block_ends_with_its_last_value():
    """Comments and empty lines behind a mapping are not part of it."""
    root = loaded("a:\n  b: 1\n\n# about c\n\nc: 2\n")
    span = find(root, ("a",)).span
    assert (span.line, span.end_line) == (2, 2)


def test_a_block_text_ends_with_its_last_line():
    """What follows a text of several lines is not marked with it."""
    root = loaded("a: |\n  one\n  two\n\n# about b\nb: 2\n")
    assert place(root, ("a",)).end_line == 3


def test_a_mapping_is_shown_by_its_key():
    """The place of a named thing is where its name is declared."""
    root = loaded("services:\n  orders:\n    protocol: http2\n")
    assert str(place(root, ("services", "orders"))) == "gateway.yaml:2:3"


def test_an_item_of_one_line_is_shown_whole():
    """A route in one line is marked from brace to brace."""
    span = place(loaded("routes:\n  - { match: /, respond: 404 }\n"), ("routes", 0))
    assert (span.line, span.column, span.end_column) == (2, 5, 31)


def test_an_item_of_several_lines_is_shown_by_its_first_key():
    """A route of many lines does not fill the screen."""
    span = place(loaded("routes:\n  - match: /\n    respond: 404\n"), ("routes", 0))
    assert (span.line, span.column, span.end_column) == (2, 5, 10)


def test_what_is_not_written_has_the_place_around_it():
    """A default, and the inside of a shorthand, point at what was written."""
    root = loaded("routes:\n  - { match: /orders }\n")
    assert place(root, ("routes", 0, "match", "prefix")) == place(root, ("routes", 0, "match"))
    assert place(root, ("routes", 0, "timeout")) == place(root, ("routes", 0))
    assert place(root, ("services", "orders")) == place(root, ())


def test_sections_of_several_files_are_merged_by_name():
    """A folder of files is one policy."""
    root = loaded("services: { a: 1 }\n", **{"teams/b.yaml": "services: { b: 2 }\n"})
    assert plain(root) == {"services": {"a": 1, "b": 2}}
    assert place(root, ("services", "b")).file == "teams/b.yaml"


def test_lists_of_several_files_follow_each_other():
    """Routes come in the order of the files' names, whatever order they are given in."""
    files = {"b.yaml": "routes: [{ match: /b }]\n", "a.yaml": "routes: [{ match: /a }]\n"}
    root = load(sources_of(files), Reporter())
    assert [route["match"] for route in plain(root)["routes"]] == ["/a", "/b"]


def test_an_endpoints_file_takes_its_place():
    """Paths are relative to the file that names them, and the list keeps its own places."""
    files = {
        "teams/a.yaml": "services: { a: { endpoints: { file: endpoints/a.yaml }, resolve: dns } }",
        "teams/endpoints/a.yaml": "- one:1\n- two:2\n",
    }
    reporter = Reporter()
    root = load(sources_of(files), reporter)
    assert not reporter.diagnostics
    assert plain(root)["services"]["a"] == {"endpoints": ["one:1", "two:2"], "resolve": "dns"}
    assert str(place(root, ("services", "a", "endpoints", 1))) == "teams/endpoints/a.yaml:2:3"


def test_an_endpoints_file_serves_two_services():
    """It is read once, and its faults are said once."""
    files = {
        "a.yaml": "services: { a: &a { endpoints: { file: endpoints/x.yaml } }, b: *a }",
        "endpoints/x.yaml": "- a: [\n",
    }
    reporter = Reporter()
    load(sources_of(files), reporter)
    assert len(reporter.diagnostics) == 1


def test_crlf_is_a_line_break():
    """Policies from Windows load, with the same values and lines."""
    root = loaded("a: 1\r\nb: |\r\n  x\r\n")
    assert plain(root) == {"a": 1, "b": "x\n"}
    assert place(root, ("b",)).line == 2


def test_an_alias_is_the_value_that_it_repeats():
    """Plain reuse works, with the place of what is reused."""
    root = loaded("a: &x { y: 1 }\nb: *x\n")
    assert plain(root) == {"a": {"y": 1}, "b": {"y": 1}}
    assert place(root, ("b", "y")).line == 1


def test_a_name_may_be_anchored_twice():
    """The nearest one before an alias counts, as YAML says."""
    assert plain(loaded("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")) == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_too_many_values_are_refused(monkeypatch):
    """A file may be small in bytes and large in values."""
    monkeypatch.setattr(composing, "MAX_NODES", 100)
    assert refused("a: [" + "1," * 97 + "]") == []
    assert refused("a: [" + "1," * 98 + "]") == ["too-many-values"]


def test_a_bomb_of_aliases_costs_no_work():
    """Repetition is counted before it happens: a billion values are refused with few calls."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert refused("\n".join(rows)) == ["alias-expansion"]
    assert work("\n".join(rows)) < 100_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "{" * 1_000_000,
        "? " * 1_000_000,
        "- " * 1_000_000,
        "[?" * 500_000,
        "".join(f"%TAG !a{i}! tag:x,2000:\n" for i in range(100_000)),
        "a: '" + "'" * 2_000_000,
        'a: "' + "\\x41" * 500_000,
        "a: |\n" + " \n" * 1_000_000,
        "a: |" + "9" * 1_000_000,
        "&" + "a" * 1_000_000,
        "!" * 1_000_000,
        "a:" + " " * 4_000_000 + "b",
        "\n" * 4_000_000,
        "a: " + "9" * 1_000_000,
        "a: 1e" + "9" * 1_000_000,
        "-" * 1_000_000,
        "---\n" * 100_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_texts_take_work_in_proportion(text):
    """Twice the text is twice the calls, and none that fits a file is a traceback."""
    few, many = work(text[: len(text) // 32]), work(text[: len(text) // 16])
    assert many < 2.2 * few + 1_000
    refused(text)


@pytest.mark.slow
def test_ten_thousand_routes_load():
    """How long it takes is measured in `bench.compile_speed`."""
    services = "".join(f"  s{i}: {{ endpoints: [s{i}.internal:80] }}\n" for i in range(1000))
    routes = "".join(
        f"  - {{ match: /path/{i}, service: s{i // 10}, timeout: 15s, host: a.example.com }}\n"
        for i in range(10_000)
    )
    text = f"gatewright: v1\nname: edge\nservices:\n{services}routes:\n{routes}"
    root = loaded(text)
    assert len(plain(root)["routes"]) == 10_000
