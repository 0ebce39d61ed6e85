"""One value of a policy's text is changed, and not a byte of the rest."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.policy_edit import CannotEditError, get, lengthen, put

POLICY = """\
# Ours.
gatewright: v1   # the language

tenants:
  acme:                       # the first
    tier: "pro"
    keys:
      # of the build machines
      ci: { sha256: 'aa',   expires: 2027-01-31 }   # soon
      old: bb

  # The second one, in one line.
  beta: {tier: free,keys: {x: cc,}}
  gamma:
  delta:
    contacts:
      - d@example.org
      - |
        many
        lines
limits: [ 5 requests/second ]
"""


def changes(old, new):
    """The lines that went and came."""
    return [
        line
        for line in difflib.ndiff(old.splitlines(), new.splitlines())
        if line.startswith(("- ", "+ "))
    ]


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        (
            "tenants.acme.keys.new",
            {"sha256": "dd", "expires": "2027-01-31"},
            ["+       new: { sha256: dd, expires: 2027-01-31 }"],
        ),
        ("tenants.acme.tier", "free", ['-     tier: "pro"', '+     tier: "free"']),
        (
            "tenants.acme.keys.ci",
            {"sha256": "ee", "previous": {"x": "t"}},
            [
                "-       ci: { sha256: 'aa',   expires: 2027-01-31 }   # soon",
                "+       ci: { sha256: 'ee',   expires: 2027-01-31, previous: { x: t } }   # soon",
            ],
        ),
        (
            "tenants.beta.keys.y",
            "dd",
            [
                "-   beta: {tier: free,keys: {x: cc,}}",
                "+   beta: {tier: free,keys: {x: cc, y: dd,}}",
            ],
        ),
        ("tenants.gamma.keys.z", {"sha256": "dd"}, ["+     keys:", "+       z: { sha256: dd }"]),
        ("tenants.delta.keys.z", {"sha256": "dd"}, ["+     keys:", "+       z: { sha256: dd }"]),
        ("tenants.acme.keys.odd name", "a: b", ['+       "odd name": "a: b"']),
        ("tenants.acme.keys.null", "123", ['+       "null": "123"']),
    ],
)
def test_a_value_is_put_where_it_belongs(path, value, changed):
    """In the style of what is around it; every other line is as it was."""
    new = put(POLICY, path.split("."), value)
    assert changes(POLICY, new) == changed


def test_it_stands_at_the_end_of_what_it_is_in():
    """Behind the last entry, and before the blank line and comment of the next."""
    lines = put(POLICY, ("tenants", "acme", "keys", "new"), "dd").splitlines()
    at = lines.index("      new: dd")
    assert lines[at - 1 : at + 3] == [
        "      old: bb",
        "      new: dd",
        "",
        "  # The second one, in one line.",
    ]


def test_a_text_becomes_the_mapping_that_it_was_short_for():
    """And a mapping stays one."""
    path = ("tenants", "acme", "keys", "old")
    new = lengthen(POLICY, path, "sha256")
    assert changes(POLICY, new) == ["-       old: bb", "+       old: { sha256: bb }"]
    assert lengthen(new, path, "sha256") == new


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_ends_of_lines_stay(newline, end):
    """Those of Windows too, and a last line without one."""
    text = newline.join(["tenants:", "  acme:", "    tier: pro"]) + (newline if end else "")
    new = put(text, ("tenants", "acme", "keys", "ci"), {"sha256": "dd"})
    assert new.count("\n") == new.count(newline)
    assert new.startswith(text)
    assert get(new, ("tenants", "acme", "keys", "ci")) == {"sha256": "dd"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: &x { b: c }\nd: *x\n", "d.b"),  # would change `a` as well
        ("a: [b]\n", "a.b"),
        ("a: text\n", "a.b"),
        ("a: |\n  text\n", "a"),
        ("a: {b: }\n", "a.b.c"),
        ("", "a"),
        ("- a\n", "a"),
        ("a: [\n", "a"),
        ("a: b\n---\na: c\n", "a"),
        ("a: &x [*x]\n", "b"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text, path):
    """An alias, another kind of value, YAML that is none."""
    with pytest.raises(CannotEditError):
        put(text, path.split("."), "new")


names = st.text("abcxyz019-", min_size=1, max_size=6)
scalars = st.text("abcXYZ019 :#'\"{}[],&*!|>%@-_./\\", max_size=12)
trees = st.dictionaries(
    names,
    st.recursive(scalars, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=8),
    max_size=4,
)


@given(
    trees,
    st.lists(names, min_size=1, max_size=4),
    scalars | st.dictionaries(names, scalars, min_size=1, max_size=2),
    st.sampled_from([True, False, None]),
)
def test_whatever_the_policy_the_change_is_the_one_that_was_meant(tree, path, value, flow):
    """The text says what it said, with the change, or it is refused."""
    text = yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False)
    try:
        new = put(text, path, value)
    except CannotEditError:
        return
    assert get(new, path) == value or isinstance(value, dict)
    wanted = yaml.load(text, Loader=yaml.BaseLoader)
    inner = wanted
    for name in path[:-1]:
        inner[name] = inner.get(name) or {}
        inner = inner[name]
    if isinstance(value, dict):
        inner[path[-1]] = {**(inner.get(path[-1]) or {}), **value}
    else:
        inner[path[-1]] = value
    assert yaml.load(new, Loader=yaml.BaseLoader) == wanted


@given(st.lists(names, min_size=1, max_size=6, unique=True))
def test_keys_come_one_after_the_other(keys):
    """Many changes of a policy: each finds what the one before has left."""
    text = POLICY
    for key in keys:
        text = put(text, ("tenants", "acme", "keys", f"k-{key}"), {"sha256": "dd"})
    found = get(text, ("tenants", "acme", "keys"))
    assert list(found) == ["ci", "old", *(f"k-{key}" for key in keys)]
    assert set(POLICY.splitlines()) <= set(text.splitlines())
