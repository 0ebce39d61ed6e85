"""Make the descriptor blob that :mod:`xds.schema` loads, from envoy_data_plane's message metadata.

``python -m xds.descriptors`` rewrites ``xds/envoy.binpb`` and prints what changed; ``--check`` only compares.
betterproto2 keeps full names, field numbers and types in its message pool but carries no file descriptors, so the
descriptors are rebuilt here and handed to protobuf's own C runtime, which encodes about 3,000 times faster.

This is the only module that imports envoy_data_plane, and nothing imports this module at run time.
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import betterproto2
import envoy_data_plane
from envoy_data_plane.message_pool import default_message_pool
from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

BLOB = Path(__file__).with_name("envoy.binpb")

# google.protobuf comes from the runtime itself: its message classes carry the mixins (Any.Unpack, Struct.update).
# Dependencies come before their dependants, which is the order the pool needs.
WELL_KNOWN = (
    any_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
    type_pb2,
    api_pb2,
    descriptor_pb2,
)

# What the API has and envoy_data_plane, which only compiles what Envoy's own files import, has not:
# message -> (field, number, type). Source: xds/type/v3/typed_struct.proto in cncf/xds.
ADDED: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "xds.type.v3.TypedStruct": (("type_url", 1, "string"), ("value", 2, "google.protobuf.Struct")),
}

# betterproto2 flattens an enum's name (``ClusterLbPolicy``) and writes its acronyms small, and keeps no pool of enums.
# The owner is found by its name's prefix; these are the ones where that, or the acronym, goes wrong.
ENUM_NAMES: Mapping[str, str] = {
    "envoy.config.core.v3.ProxyProtocolPassThroughTlVsPassTlVsMatchType": (
        "envoy.config.core.v3.ProxyProtocolPassThroughTLVs.PassTLVsMatchType"
    ),
    "envoy.config.route.v3.RetryPolicyResetHeaderFormat": "envoy.config.route.v3.RetryPolicy.ResetHeaderFormat",
    "envoy.data.accesslog.v3.HttpAccessLogEntryHttpVersion": "envoy.data.accesslog.v3.HTTPAccessLogEntry.HTTPVersion",
    "envoy.data.accesslog.v3.TlsPropertiesTlsVersion": "envoy.data.accesslog.v3.TLSProperties.TLSVersion",
    "envoy.data.core.v3.HealthCheckFailureType": "envoy.data.core.v3.HealthCheckFailureType",
    "envoy.extensions.common.ratelimit.v3.XRateLimitHeadersRfcVersion": (
        "envoy.extensions.common.ratelimit.v3.XRateLimitHeadersRFCVersion"
    ),
    "envoy.extensions.filters.http.ratelimit.v3.RateLimitXRateLimitHeadersRfcVersion": (
        "envoy.extensions.filters.http.ratelimit.v3.RateLimit.XRateLimitHeadersRFCVersion"
    ),
    "envoy.service.status.v3.ClientConfigStatus": "envoy.service.status.v3.ClientConfigStatus",
}


def build() -> FileDescriptorSet:
    """Rebuild every descriptor of the API from envoy_data_plane (about 4 s, almost all of it imports).

    Packages become nested messages of two files, ``google`` and the rest, so that the import cycles between the
    real files need no sorting; full names, and with them type URLs, stay what they are.
    """
    classes = _message_classes()
    tree = DescriptorProto()
    index: dict[str, DescriptorProto] = {}
    for full_name in sorted(classes):
        _fill(_nested(tree, full_name, index), full_name, classes)
    for full_name, fields in ADDED.items():
        if full_name in classes:
            raise ValueError(f"envoy_data_plane has {full_name} now: drop it from ADDED")
        message = _nested(tree, full_name, index)
        for name, number, kind in fields:
            field = message.field.add(
                name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL
            )
            if "." in kind:
                field.type, field.type_name = field.TYPE_MESSAGE, f".{kind}"
            else:
                field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    for full_name, enum in sorted(_enums(classes).items()):
        parent, _, name = full_name.rpartition(".")
        _nested(tree, parent, index).enum_type.append(_enum(name, enum))

    files = FileDescriptorSet()
    for module in WELL_KNOWN:
        files.file.add().ParseFromString(module.DESCRIPTOR.serialized_pb)
    google = files.file.add(name="gatewright/google.proto", package="google", syntax="proto3")
    rest = files.file.add(name="gatewright/envoy.proto", syntax="proto3")
    for top in tree.nested_type:
        if top.name == "google":
            google.message_type.extend(top.nested_type)
        else:
            rest.message_type.append(top)
    well_known = [module.DESCRIPTOR.name for module in WELL_KNOWN]
    google.dependency.extend(well_known)
    rest.dependency.extend([*well_known, google.name])
    return files


def encode(files: FileDescriptorSet) -> bytes:
    """Return the blob's bytes: a serialised FileDescriptorSet, the same on every machine."""
    return files.SerializeToString(deterministic=True)


def outline(files: FileDescriptorSet) -> dict[str, str]:
    """Describe each message, field and enum value in one line, by full name, so two schemas can be compared."""
    lines: dict[str, str] = {}

    def enums(prefix: str, of: Any) -> None:
        for enum in of:
            for value in enum.value:
                lines[f"{prefix}{enum.name}.{value.name}"] = f"enum value {value.number}"

    def walk(prefix: str, messages: Any) -> None:
        for message in messages:
            name = prefix + message.name
            if message.field or not message.nested_type:
                lines[name] = "message"
            for field in message.field:
                kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
                label = FieldDescriptorProto.Label.Name(field.label).removeprefix("LABEL_").lower()
                lines[f"{name}.{field.name}"] = (
                    f"{label} {field.type_name or kind} = {field.number}"
                )
            walk(name + ".", message.nested_type)
            enums(name + ".", message.enum_type)

    for file in files.file:
        prefix = file.package + "." if file.package else ""
        walk(prefix, file.message_type)
        enums(prefix, file.enum_type)
    return lines


def changes(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    """Yield one line for each message, field or enum value that was added (+), removed (-) or altered (!)."""
    before, after = outline(old), outline(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"- {name}: {before[name]}"
        elif name not in before:
            yield f"+ {name}: {after[name]}"
        elif before[name] != after[name]:
            yield f"! {name}: {before[name]} -> {after[name]}"


@lru_cache(maxsize=1)
def _message_classes() -> Mapping[str, type[betterproto2.Message]]:
    """Import all of envoy_data_plane and return its current messages, with all they refer to, by full name."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for module in pkgutil.walk_packages(envoy_data_plane.__path__, "envoy_data_plane."):
            importlib.import_module(module.name)

    kept: dict[str, type[betterproto2.Message]] = {}
    todo = [cls for cls in default_message_pool.type_to_url if _is_current(_full_name(cls))]
    while todo:
        cls = todo.pop()
        name = _full_name(cls)
        if name.startswith("google.protobuf.") or name in kept:
            continue
        kept[name] = cls
        todo += [
            target for _, target in _references(cls) if issubclass(target, betterproto2.Message)
        ]
    return kept


def _full_name(cls: type[betterproto2.Message]) -> str:
    return default_message_pool.type_to_url[cls].partition("/")[2]


def _is_current(full_name: str) -> bool:
    """Tell what an Envoy of today speaks from the v2 API and from the annotations of .proto files."""
    packages = full_name.split(".")
    if packages[0] == "validate":
        return False
    return packages[0] != "envoy" or any(part.startswith("v3") for part in packages)


def _metadata(cls: type[betterproto2.Message]) -> Any:
    return getattr(cls, "_betterproto")  # noqa: B009, SLF001 - no public way leads to it, and mypy misreads its type


def _references(cls: type[betterproto2.Message]) -> Iterator[tuple[str, type]]:
    """Yield (field name, message or enum class) for each field that refers to one."""
    metadata = _metadata(cls)
    for name, meta in metadata.meta_by_field_name.items():
        value = meta.map_meta[1] if meta.map_meta else meta
        if value.unwrap:
            yield name, value.unwrap()
        elif value.proto_type in (betterproto2.TYPE_MESSAGE, betterproto2.TYPE_ENUM):
            yield name, metadata.cls_by_field[f"{name}.value" if meta.map_meta else name]


def _enums(classes: Mapping[str, type[betterproto2.Message]]) -> dict[str, type[betterproto2.Enum]]:
    """Return the enums the messages use, by full name."""
    found: dict[str, type[betterproto2.Enum]] = {}
    for cls in classes.values():
        for _, target in _references(cls):
            if issubclass(target, betterproto2.Enum) and not _package(target).startswith(
                "google.protobuf"
            ):
                found[_enum_name(target)] = target
    return found


def _package(cls: type) -> str:
    return cls.__module__.removeprefix("envoy_data_plane.")


@lru_cache(maxsize=None)
def _owners(package: str) -> list[tuple[str, str]]:
    """Return (flattened Python name, full name) of a package's messages, the longest first."""
    owners = [
        (cls.__name__, name) for name, cls in _message_classes().items() if _package(cls) == package
    ]
    return sorted(owners, key=lambda pair: -len(pair[0]))


@lru_cache(maxsize=None)
def _enum_name(enum: type) -> str:
    """Find an enum's full name, which betterproto2 does not keep."""
    package = _package(enum)
    flat = f"{package}.{enum.__name__}"
    if flat in ENUM_NAMES:
        return ENUM_NAMES[flat]
    for prefix, owner in _owners(package):
        rest = enum.__name__.removeprefix(prefix)
        if rest and rest != enum.__name__ and not rest[0].islower():
            return f"{owner}.{rest}"
    return flat


def _nested(
    root: DescriptorProto, full_name: str, index: dict[str, DescriptorProto]
) -> DescriptorProto:
    """Return the message of that full name under ``root``, making it and the packages above it when they are new."""
    if not full_name:
        return root
    if full_name not in index:
        parent, _, name = full_name.rpartition(".")
        index[full_name] = _nested(root, parent, index).nested_type.add(name=name)
    return index[full_name]


def _fill(
    message: DescriptorProto, full_name: str, classes: Mapping[str, type[betterproto2.Message]]
) -> None:
    """Add the fields and oneofs of one message."""
    cls = classes[full_name]
    targets = dict(_references(cls))
    oneofs: dict[str, int] = {}
    presence: list[FieldDescriptorProto] = []
    for python_name, meta in _metadata(cls).meta_by_field_name.items():
        field = message.field.add(name=_proto_name(python_name), number=meta.number)
        field.label = (
            field.LABEL_REPEATED if meta.repeated or meta.map_meta else field.LABEL_OPTIONAL
        )
        if meta.map_meta:
            entry = message.nested_type.add(
                name="".join(p.capitalize() for p in field.name.split("_")) + "Entry"
            )
            entry.options.map_entry = True
            for name, part in zip(("key", "value"), meta.map_meta, strict=True):
                member = entry.field.add(name=name, number=part.number, label=field.LABEL_OPTIONAL)
                _set_type(member, part.proto_type, targets.get(python_name))
            field.type = field.TYPE_MESSAGE
            field.type_name = f".{full_name}.{entry.name}"
            continue
        _set_type(field, meta.proto_type, targets.get(python_name))
        if meta.group:
            if meta.group not in oneofs:
                oneofs[meta.group] = len(message.oneof_decl)
                message.oneof_decl.add(name=meta.group)
            field.oneof_index = oneofs[meta.group]
        elif meta.optional and field.type != field.TYPE_MESSAGE:
            presence.append(field)
    for field in presence:  # synthetic oneofs must come after the real ones
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field.name}")


def _set_type(field: FieldDescriptorProto, proto_type: str, target: Any) -> None:
    field.type = FieldDescriptorProto.Type.Value(f"TYPE_{proto_type.upper()}")
    if field.type == field.TYPE_MESSAGE:
        field.type_name = "." + _full_name(target)
    elif field.type == field.TYPE_ENUM:
        field.type_name = "." + _enum_name(target)


def _proto_name(python_name: str) -> str:
    """Undo betterproto2's escape of Python's keywords (``in_``)."""
    bare = python_name.removesuffix("_")
    return bare if keyword.iskeyword(bare) else python_name


def _enum(name: str, enum: type[betterproto2.Enum]) -> EnumDescriptorProto:
    """Return an enum with its values' names from the .proto, which betterproto2 shortens by their common prefix."""
    renamed = enum.betterproto_value_to_renamed_proto_names()
    result = EnumDescriptorProto(name=name)
    for value_name, member in enum.__members__.items():
        result.value.add(name=renamed.get(int(member), value_name), number=int(member))
    if len({value.number for value in result.value}) < len(result.value):
        result.options.allow_alias = True
    # proto3 wants the zero first; the order of the others is the .proto's
    result.value.sort(key=lambda value: value.number != 0)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Write the blob, or with ``--check`` exit 1 when it differs from envoy_data_plane's schema."""
    parser = argparse.ArgumentParser(prog="python -m xds.descriptors", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare only; exit 1 when the blob is stale"
    )
    check = parser.parse_args(arguments).check
    new = build()
    old = FileDescriptorSet.FromString(BLOB.read_bytes()) if BLOB.exists() else FileDescriptorSet()
    for line in changes(old, new):
        print(line)
    stale = encode(new) != encode(old)
    if stale and not check:
        BLOB.write_bytes(encode(new))
        print(f"wrote {BLOB} ({len(encode(new))} bytes)", file=sys.stderr)
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
