"""Read the protobuf descriptors that an Envoy binary carries, and add what a schema lacks.

Envoy is built with full protobuf reflection, so the serialised FileDescriptorProto of each .proto
file it knows stands in its data section: the exact API of that very Envoy. envoy_data_plane lags a
release behind, and leaves out what Envoy's own files do not import (``xds.type.v3.TypedStruct``).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from xds.data_plane import is_current, nested

# Field 1 (name), its length, and a path that ends in .proto: how each descriptor begins.
_BEGINNING = re.compile(rb"\x0a[\x05-\x7f][\w/]+(?:\.\w+)*\.proto")

# The fields of FileDescriptorProto by wire type: 0 varint, 2 length-delimited.
_FIELDS = {0: {10, 11, 14}, 2: {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15}}

# udpa/annotations/sensitive.proto: the extension of FieldOptions that marks secrets.
_SENSITIVE = 76569463

# The API's packages; the binary also carries those of the libraries it is built from.
_PACKAGES = re.compile(
    r"(envoy|xds|cel|opentelemetry|google\.rpc|google\.api|io\.prometheus|udpa\.type)(\.|$)"
)


def embedded_files(binary: Path) -> list[FileDescriptorProto]:
    """Return the API's descriptors inside an Envoy binary, sorted by name (0.3 s for 100 MB)."""
    found: dict[str, FileDescriptorProto] = {}
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _BEGINNING.finditer(data):
            start = match.start()
            try:
                parsed = FileDescriptorProto.FromString(data[start : _end(data, start)])
            except DecodeError:
                continue
            size = 1 + 1 + len(parsed.name)
            # A path may also be quoted elsewhere (a dependency): such a piece holds no types.
            if size < parsed.ByteSize() and (parsed.message_type or parsed.enum_type):
                found.setdefault(parsed.name, parsed)
    return [file for _, file in sorted(found.items()) if _PACKAGES.match(file.package)]


def add_embedded(
    root: DescriptorProto, index: dict[str, DescriptorProto], files: list[FileDescriptorProto]
) -> None:
    """Add the messages, fields and enum values of ``files`` that ``root`` does not have yet.

    What both have stays as it was: a release may rework a message that is still in progress, and
    then the older form is the one the rest of the schema was written against.
    """
    messages: dict[str, DescriptorProto] = {}
    enums: dict[str, EnumDescriptorProto] = {}
    for file in files:
        if is_current(f"{file.package}."):
            for message in file.message_type:
                messages.update(_walk(f"{file.package}.{message.name}", message))
            enums.update({f"{file.package}.{enum.name}": enum for enum in file.enum_type})
    for name, message in messages.items():
        enums.update({f"{name}.{enum.name}": enum for enum in message.enum_type})
    for name, message in messages.items():
        _merge_message(nested(root, name, index), name, message)
    for name, enum in enums.items():
        parent, _, enum_name = name.rpartition(".")
        _merge_enum(nested(root, parent, index), enum_name, enum)


def _walk(name: str, message: DescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    yield name, message
    for inner in message.nested_type:
        if not inner.options.map_entry:
            yield from _walk(f"{name}.{inner.name}", inner)


def _merge_message(into: DescriptorProto, name: str, message: DescriptorProto) -> None:
    known = {field.number: field for field in into.field}
    entries: Mapping[str, DescriptorProto] = {
        f".{name}.{inner.name}": inner for inner in message.nested_type if inner.options.map_entry
    }
    oneofs = {oneof.name: number for number, oneof in enumerate(into.oneof_decl)}
    for field in message.field:
        if field.number in known:
            _mark_sensitive(known[field.number], field)
            continue
        copy = _bare_field(field)
        if field.type_name in entries:
            into.nested_type.append(_bare(entries[field.type_name]))
        if field.HasField("oneof_index"):
            oneof = message.oneof_decl[field.oneof_index].name
            if oneof not in oneofs:
                oneofs[oneof] = len(into.oneof_decl)
                into.oneof_decl.add(name=oneof)
            copy.oneof_index = oneofs[oneof]
        into.field.append(copy)
    _synthetic_last(into)


def _synthetic_last(message: DescriptorProto) -> None:
    """Order the oneofs: protobuf wants those that only mark presence behind the real ones."""
    synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
    order = sorted(range(len(message.oneof_decl)), key=lambda number: number in synthetic)
    names = [message.oneof_decl[number].name for number in order]
    for oneof, name in zip(message.oneof_decl, names, strict=True):
        oneof.name = name
    for field in message.field:
        if field.HasField("oneof_index"):
            field.oneof_index = order.index(field.oneof_index)


def _merge_enum(parent: DescriptorProto, name: str, enum: EnumDescriptorProto) -> None:
    into = next((other for other in parent.enum_type if other.name == name), None)
    if into is None:
        into = parent.enum_type.add(name=name)
    known = {value.number for value in into.value}
    for value in enum.value:
        if value.number not in known:
            into.value.add(name=value.name, number=value.number)


def _bare(entry: DescriptorProto) -> DescriptorProto:
    """Copy a map's entry without the options of its fields."""
    copy = DescriptorProto(name=entry.name)
    copy.options.map_entry = True
    for field in entry.field:
        copy.field.append(_bare_field(field))
    return copy


def _bare_field(field: FieldDescriptorProto) -> FieldDescriptorProto:
    """Copy a field without its options: but for one they are extensions that nothing reads."""
    copy = FieldDescriptorProto(
        name=field.name, number=field.number, label=field.label, type=field.type
    )
    if field.type_name:
        copy.type_name = field.type_name
    if field.proto3_optional:
        copy.proto3_optional = True
    _mark_sensitive(copy, field)
    return copy


def _mark_sensitive(into: FieldDescriptorProto, field: FieldDescriptorProto) -> None:
    """Carry over Envoy's mark of what its config dump redacts, as protobuf's standard option."""
    unknown = UnknownFieldSet(field.options)
    if any(unknown[index].field_number == _SENSITIVE for index in range(len(unknown))):
        into.options.debug_redact = True


def _end(data: mmap.mmap, start: int) -> int:
    """Return where the descriptor that begins at ``start`` ends.

    Nothing in the binary says its length; it ends before the first byte that cannot continue it:
    a tag that FileDescriptorProto does not have, or a second name.
    """
    end = position = start
    while True:
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if number not in _FIELDS.get(wire_type, ()) or (number == 1 and end != start):
            return end
        value, position = _varint(data, position)
        if wire_type == 2:
            position += value
        if position > len(data):
            return end
        end = position


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    return 0, position  # tag 0 ends a descriptor
