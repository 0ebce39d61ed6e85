"""The Lua that runs around each attempt: the .lua files beside this one, put together.

They are files of their own so that they can be read, and run by a plain Lua in tests. Envoy gives
each filter one source text, so a target's constants are written in front of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
PARTS = (
    "json_scan",
    "model_rewrite",
    "form",
    "usage",
    "stream_end",
    "refused",
    "retry_after",
    "attempt",
)
LIBRARY = PARTS[:-1]

Value = str | int | bool | None | tuple[str, ...]


def _text(part: str) -> str:
    return lua_source(HERE / f"{part}.lua")


@cache
def lua_source(file: Path) -> str:
    """Read a program; its comments stay at home, for each cluster carries a copy of the rest."""
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("--")]
    return "\n".join(kept) + "\n"


def library() -> str:
    """Return the functions that touch no Envoy: what tests run by themselves."""
    return "".join(_text(part) for part in LIBRARY)


def attempt_source(constants: Mapping[str, Value]) -> str:
    """Return the whole source for one target; ``constants`` become the fields of ``TARGET``."""
    return f"local TARGET = {_table(constants)}\n\n" + "".join(_text(part) for part in PARTS)


def form_source(constants: Mapping[str, Value]) -> str:
    """Return the source that reads a form's model; ``constants`` are the fields of ``FORM``."""
    parts = ("json_scan", "model_rewrite", "form", "form_model")
    return f"local FORM = {_table(constants)}\n\n" + "".join(_text(part) for part in parts)


def _table(constants: Mapping[str, Value]) -> str:
    fields = "".join(f"  {name} = {literal(value)},\n" for name, value in constants.items())
    return f"{{\n{fields}}}"


def literal(value: Value) -> str:
    """Write a value as Lua; a tuple of strings becomes a set (``{["a"] = true}``)."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case tuple():
            return "{" + ", ".join(f"[{literal(item)}] = true" for item in value) + "}"
        case str():
            return _string(value)


def _string(value: str) -> str:
    """Quote by bytes: Lua has decimal escapes only, and a name may hold any character."""
    plain = range(0x20, 0x7F)
    return (
        '"'
        + "".join(
            chr(b) if b in plain and chr(b) not in '"\\' else f"\\{b:03d}"
            for b in value.encode("utf-8")
        )
        + '"'
    )


def json_string(value: str) -> str:
    """Write a string as JSON with ASCII only, quotes included."""
    return json.dumps(value)
