"""Take the secrets out of messages before they are shown.

Envoy's own API says what is secret: the fields annotated ``udpa.annotations.sensitive`` (private
keys, generic secrets, passwords, API keys), which Envoy's config dump redacts in the same way. The
blob carries the mark as protobuf's standard option ``debug_redact``.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from google.protobuf.json_format import ParseError
from google.protobuf.message import DecodeError, Message

from xds.proto_json import from_json, to_json
from xds.schema import UnknownTypeError, message_class

M = TypeVar("M", bound=Message)

REDACTED = "[redacted]"

_ANY = "google.protobuf.Any"
_TYPED_STRUCTS = {"udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"}


def redact(message: M) -> M:
    """Return a copy in which secrets read ``[redacted]``; other secret scalars are cleared.

    Goes through Any and TypedStruct. Where the schema does not know the type inside one of these,
    nothing can tell what is secret there, so everything is taken out.
    """
    copy = type(message)()
    copy.CopyFrom(message)
    _walk(copy, secret=False)
    return copy


def _walk(message: Any, *, secret: bool) -> None:
    name = message.DESCRIPTOR.full_name
    if name == _ANY:
        _walk_any(message, secret=secret)
        return
    if name in _TYPED_STRUCTS:
        _walk_typed_struct(message, secret=secret)
        return
    for field, value in message.ListFields():
        hidden = secret or _is_sensitive(field)
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            item = kind.fields_by_name["value"]
            if item.message_type is not None:
                for each in value.values():
                    _walk(each, secret=hidden)
            elif hidden:
                for key in list(value):
                    value[key] = _hidden(item)
        elif kind is not None:
            for each in value if field.is_repeated else [value]:
                _walk(each, secret=hidden)
        elif not hidden:
            continue
        elif field.is_repeated:
            value[:] = [_hidden(field)] * len(value)
        else:
            setattr(message, field.name, _hidden(field))


def _walk_any(message: Any, *, secret: bool) -> None:
    try:
        inner = message_class(message.type_url).FromString(message.value)
    except (UnknownTypeError, DecodeError):
        message.value = b""
        return
    _walk(inner, secret=secret)
    message.value = inner.SerializeToString(deterministic=True)


def _walk_typed_struct(message: Any, *, secret: bool) -> None:
    try:
        inner = from_json(message_class(message.type_url), to_json(message.value))
    except (UnknownTypeError, ParseError):
        _walk(message.value, secret=True)
        return
    _walk(inner, secret=secret)
    message.value.Clear()
    message.value.update(to_json(inner))


def _hidden(field: Any) -> Any:
    """Return what stands for a secret value of that field."""
    if field.type == field.TYPE_STRING:
        return REDACTED
    return REDACTED.encode() if field.type == field.TYPE_BYTES else field.default_value


@cache
def _is_sensitive(field: Any) -> bool:
    return bool(field.GetOptions().debug_redact)
