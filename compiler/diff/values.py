"""Values of a plan in words, and the smallest parts in which two of them differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from compiler.dump import plain
from compiler.plan import ValueKind, ValueMatch
from compiler.plan_accounts import Store
from compiler.plan_llm import Url
from compiler.render.mask import mask_header
from policies.secret import SecretRef
from policies.timestamp import spelled

FEW = 8
"""How many items of a list are shown before it says how many more there are."""
_LONGEST = 160
_ABSENT = object()


def said(value: Any) -> str:
    """Say a value in one line; what is bytes (a key's digest) is not shown."""
    text = _said(value).replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def names(found: Any, lead: str = "") -> str:
    """Say names in backticks: `a`, `b` and `c`; the first of many, and how many more there are."""
    listed = [f"`{name}`" for name in sorted(found)]
    if len(listed) > FEW:
        listed = [*listed[: FEW - 2], f"{len(listed) - FEW + 2} more"]
    text = " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
    return f"{lead}{text}"


def plural(noun: str, found: Any) -> str:
    """Say a noun, with an s where there is not one: `model`, `models`."""
    return noun if len(found) == 1 else f"{noun}s"


def arrow(before: Any, after: Any) -> str:
    """Say what a value was and what it is; of lists, what came and what went."""
    if isinstance(before, tuple) and isinstance(after, tuple) and before and after:
        gone = [one for one in before if one not in after]
        come = [one for one in after if one not in before]
        parts = [f"without {said(tuple(gone))}"] if gone else []
        parts += [f"with {said(tuple(come))}"] if come else []
        if parts and (len(before) > 2 or len(after) > 2):
            return "now " + " and ".join(parts)
    one, other = said(before), said(after)
    if one == other:
        one, other = _said(before), _said(after)
    return f"{one} -> {other}"


def leaves(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the smallest parts that differ: a path of field names, and both values.

    None stands for what one side does not have.
    """
    if before is None or after is None or type(before) is not type(after):
        if before != after:
            yield path, before, after
        return
    one, other = _parts(before), _parts(after)
    if one is None or other is None:
        if before != after:
            yield path, before, after
        return
    for name in dict.fromkeys((*one, *other)):
        inner = f"{path}.{name}" if path else name
        had, has = one.get(name, _ABSENT), other.get(name, _ABSENT)
        if had is _ABSENT or has is _ABSENT:
            yield inner, None if had is _ABSENT else had, None if has is _ABSENT else has
        elif had != has:
            yield from leaves(had, has, inner)


def store_said(store: Store) -> str:
    """Say where something is kept; a URL that is a secret, by where that lies."""
    place = said(store.secret) if store.secret is not None else store.url
    return f"{store.kind} ({place})" if place else store.kind


def _parts(value: Any) -> Mapping[str, Any] | None:
    """Give what a value is made of by name, or None for what is one piece."""
    if isinstance(value, SecretRef | Url):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {one.name: getattr(value, one.name) for one in fields if one.compare}
    if hasattr(value, "__struct_fields__"):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): one for key, one in value.items()}
    return None


def _header(value: Any) -> str:
    """Say a header with its value, unless that is a secret; empty for what is no header."""
    match value:
        case (str(name), str(text)):
            return f"{name}: {mask_header(name, text)}"
    return ""


def _said(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case Url():
            return f"{value.scheme}://{value.host}:{value.port}{value.path}"
        case SecretRef():
            return " + ".join(value.sources)
        case Enum():
            return str(value.value)
        case str():
            return value or "none"
        case timedelta():
            return str(plain(value))
        case datetime():
            return spelled(value)
        case bytes():
            return "(not shown)"
        case ValueMatch():
            bare = value.kind in (ValueKind.PRESENT, ValueKind.ABSENT)
            held = "" if bare else f" {mask_header(value.name, _said(value.value))}"
            return f"{value.name} {value.kind}{held}"
        case tuple() | list():
            listed = [_header(one) or _said(one) for one in value]
            if len(listed) > FEW:
                listed = [*listed[:FEW], f"{len(listed) - FEW} more"]
            return ", ".join(listed) or "none"
        case Mapping():
            return ", ".join(f"{name} {_said(one)}" for name, one in value.items() if one)
    parts = _parts(value)
    if parts is not None:
        shown = (f"{name} {_said(one)}" for name, one in parts.items() if one not in (None, (), ""))
        return f"{{{', '.join(shown)}}}" if parts else "none"
    return str(value)
