"""Shapes of JSON: the first place where a value departs from one, and in which way."""

from __future__ import annotations

import pytest

from simulator.shape import (
    OBJECT,
    Departs,
    Each,
    Either,
    Fields,
    Flag,
    Kind,
    Later,
    Number,
    Text,
    Union,
    check,
)

PART = Kind("type", {"text": Fields({"text": Text(least=1)}, ("text",)), "blob": OBJECT})
SHAPE: Fields = Fields(
    {
        "name": Text(pattern="[a-z]+"),
        "mode": Text(("on", "off")),
        "count": Number(1, 9, whole=True),
        "flag": Flag(),
        "parts": Either((Text(), Each(PART, least=1))),
        "choice": Union({"a": Fields(), "b": Number()}),
        "again": Later(lambda: SHAPE),
        "free": OBJECT,
    },
    ("name",),
)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"mode": "on", "count": 9, "flag": False, "parts": "text"},
        {"parts": [{"type": "text", "text": "x"}, {"type": "blob", "anything": [1]}]},
        {"choice": {"a": {}, "b": None}, "free": {"x": {"y": None}}},
        {"mode": None, "unknown": None},
        {"count": 3.0, "again": {"name": "x", "again": {"name": "y"}}},
    ],
)
def test_what_fits(members):
    """Absent and null are one; free objects hold anything."""
    check({"name": "n"} | members, SHAPE)


@pytest.mark.parametrize(
    ("members", "problem", "place"),
    [
        ({"name": None}, "missing", "name"),
        ({"name": "N"}, "value", "name"),
        ({"other": 1}, "unknown", "other"),
        ({"mode": "maybe"}, "value", "mode"),
        ({"count": True}, "type", "count"),
        ({"count": 1.5}, "type", "count"),
        ({"count": 10}, "value", "count"),
        ({"flag": 0}, "type", "flag"),
        ({"parts": 5}, "type", "parts"),
        ({"parts": []}, "value", "parts"),
        ({"parts": [{"type": "blob"}, {"type": "text"}]}, "missing", "parts[1].text"),
        ({"parts": [{"type": "image"}]}, "value", "parts[0].type"),
        ({"parts": [{"text": "x"}]}, "missing", "parts[0].type"),
        ({"parts": [{"type": "text", "text": ""}]}, "value", "parts[0].text"),
        ({"choice": {}}, "union", "choice"),
        ({"choice": {"a": {}, "b": 1}}, "union", "choice"),
        ({"choice": {"c": 1}}, "unknown", "choice.c"),
        ({"again": {"name": "x", "again": {"name": "y", "z": 1}}}, "unknown", "again.again.z"),
        ({"free": "x"}, "type", "free"),
    ],
)
def test_where_a_value_departs(members, problem, place):
    """The problem and its place in words."""
    with pytest.raises(Departs) as caught:
        check({"name": "n"} | members, SHAPE)
    assert (caught.value.problem, caught.value.place()) == (problem, place)
