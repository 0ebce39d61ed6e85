"""Compare two schemas: which messages, fields and enum values came, went or changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)


def outline(files: FileDescriptorSet) -> dict[str, str]:
    """Describe each message, field and enum value in one line, by full name."""
    lines: dict[str, str] = {}
    for file in files.file:
        prefix = f"{file.package}." if file.package else ""
        lines.update(_messages(prefix, file.message_type))
        lines.update(_enums(prefix, file.enum_type))
    return lines


def changes(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    """Yield a line for each thing that was added (``+``), removed (``-``) or altered (``!``)."""
    before, after = outline(old), outline(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"- {name}: {before[name]}"
        elif name not in before:
            yield f"+ {name}: {after[name]}"
        elif before[name] != after[name]:
            yield f"! {name}: {before[name]} -> {after[name]}"


def _messages(prefix: str, messages: Iterable[DescriptorProto]) -> Iterator[tuple[str, str]]:
    for message in messages:
        name = prefix + message.name
        if message.field or not (message.nested_type or message.enum_type):  # else it is a package
            yield name, "message"
        for field in message.field:
            yield f"{name}.{field.name}", _field(message, field)
        yield from _messages(f"{name}.", message.nested_type)
        yield from _enums(f"{name}.", message.enum_type)


def _field(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    words = [field.type_name.removeprefix(".") or kind, f"= {field.number}"]
    if field.label == field.LABEL_REPEATED:
        words.insert(0, "repeated")
    elif field.proto3_optional:
        words.insert(0, "optional")
    elif field.HasField("oneof_index"):
        words.append(f"in {message.oneof_decl[field.oneof_index].name}")
    if field.options.debug_redact:
        words.append("(sensitive)")
    return " ".join(words)


def _enums(prefix: str, enums: Iterable[EnumDescriptorProto]) -> Iterator[tuple[str, str]]:
    for enum in enums:
        for value in enum.value:
            yield f"{prefix}{enum.name}.{value.name}", f"enum value {value.number}"
