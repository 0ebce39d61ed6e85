"""The fields in which two messages differ, by paths that a reader of Envoy's API knows.

Items of lists that have names are found by them (``routes[orders].route.timeout``), others by their
place. What an Any holds is looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from compiler.render.mask import is_secret_key, mask_data
from xds.wire import REDACTED, UnknownTypeError, redact, to_json, unpack

_ANY = "google.protobuf.Any"
_NAMED_VALUES = {
    "envoy.config.core.v3.HeaderValue": "key",
    "envoy.config.route.v3.HeaderMatcher": "name",
    "envoy.config.route.v3.QueryParameterMatcher": "name",
}
"""Messages with a value that is a secret where their name says so, by the field of the name."""
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field; None where a side does not have it. Values are proto3 JSON, cut where long.

    What Envoy's API marks as secret is not shown, nor is what the name of a header says to be one.
    """

    path: str
    before: str | None
    after: str | None


def message_changes(before: Message, after: Message, path: str = "") -> Iterator[FieldChange]:
    """Yield the fields that differ, in the order of their numbers."""
    if before == after:
        return
    name = before.DESCRIPTOR.full_name
    if name == _ANY:
        yield from _inside(before, after, path)
        return
    if name.startswith("google.protobuf."):
        yield from json_changes(_json(before), _json(after), path)
        return
    called = _NAMED_VALUES.get(name)
    if called and any(is_secret_key(getattr(one, called)) for one in (before, after)):
        yield FieldChange(path, REDACTED, REDACTED)
        return
    fields = {field.number: field for side in (before, after) for field, _ in side.ListFields()}
    for _, field in sorted(fields.items()):
        inner = f"{path}.{field.name}" if path else field.name
        old, new = getattr(before, field.name), getattr(after, field.name)
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            yield from _maps(dict(old), dict(new), inner)
        elif field.is_repeated:
            if _is_secret(field) and list(old) != list(new):
                yield FieldChange(inner, REDACTED, REDACTED)
            else:
                yield from _lists(list(old), list(new), inner)
        elif kind is not None:
            had, has = before.HasField(field.name), after.HasField(field.name)
            if had and has:
                yield from message_changes(old, new, inner)
            elif had or has:
                yield _change(inner, old if had else None, new if has else None)
        elif old != new:
            yield _change(inner, old, new, field)


def _is_secret(field: Any) -> bool:
    return field is not None and bool(field.GetOptions().debug_redact)


def json_changes(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    """Yield the parts in which two JSON values differ."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            inner = f"{path}.{key}" if path else str(key)
            yield from json_changes(before.get(key), after.get(key), inner)
        return
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from json_changes(one, other, f"{path}[{place}]")
        return
    yield FieldChange(path, _text(before), _text(after))


def _inside(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    if before.type_url != after.type_url:
        yield FieldChange(f"{path}.@type", before.type_url, after.type_url)
        return
    try:
        yield from message_changes(unpack(before), unpack(after), path)
    except UnknownTypeError:
        yield FieldChange(path, f"{len(before.value)} bytes", f"{len(after.value)} bytes")


def _maps(before: dict[Any, Any], after: dict[Any, Any], path: str) -> Iterator[FieldChange]:
    for key in sorted({*before, *after}):
        inner, old, new = f"{path}[{key}]", before.get(key), after.get(key)
        if isinstance(old, Message) and isinstance(new, Message):
            yield from message_changes(old, new, inner)
        elif old != new:
            yield _change(inner, old, new)


def _lists(before: list[Any], after: list[Any], path: str) -> Iterator[FieldChange]:
    if before == after:
        return
    old, new = _named(before), _named(after)
    if old is None or new is None:
        if len(before) == len(after) and all(isinstance(one, Message) for one in before):
            for place, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from message_changes(one, other, f"{path}[{place}]")
        else:
            yield FieldChange(path, _texts(before), _texts(after))
        return
    for name, one in old.items():
        if name in new:
            yield from message_changes(one, new[name], f"{path}[{name}]")
        else:
            yield _change(f"{path}[{name}]", one, None)
    for name, other in new.items():
        if name not in old:
            yield _change(f"{path}[{name}]", None, other)
    stay = [name for name in old if name in new], [name for name in new if name in old]
    if stay[0] != stay[1]:
        yield FieldChange(f"{path} (order)", *(_text(", ".join(names)) for names in stay))


def _named(items: list[Any]) -> dict[str, Any] | None:
    """Give items by their names, or None where they have none, or not one each."""
    found: dict[str, Any] = {}
    for one in items:
        name = getattr(one, "name", "") if isinstance(one, Message) else ""
        if not isinstance(name, str) or not name or name in found:
            return None
        found[name] = one
    return found


def _change(path: str, before: Any, after: Any, field: Any = None) -> FieldChange:
    return FieldChange(path, _value(before, field), _value(after, field))


def _value(value: Any, field: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Message):
        return _text(mask_data(_json(redact(value))))
    if _is_secret(field):
        return REDACTED
    if field is not None and field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else str(known.name)
    return _text(value)


def _texts(items: list[Any]) -> str:
    shown = (mask_data(_json(redact(one))) if isinstance(one, Message) else one for one in items)
    return _text(list(shown)) or ""


def _json(message: Message) -> Any:
    try:
        return to_json(message)
    except UnknownTypeError:
        return f"{message.ByteSize()} bytes"


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = _plain(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_plain(one) for one in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\n", " ")
