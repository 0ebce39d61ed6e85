"""Rebuild protobuf descriptors from envoy_data_plane's message classes.

betterproto2 keeps full names, field numbers and types, but no file descriptors. Only the making of
the blob (:mod:`xds.descriptors`) and its tests import this module: the imports alone take 4 s.
"""

from __future__ import annotations

import importlib
import keyword
import pkgutil
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import betterproto2
import envoy_data_plane
from envoy_data_plane.message_pool import default_message_pool
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
)

# betterproto2 flattens an enum's name (`ClusterLbPolicy`) and writes its acronyms small, and it
# keeps no pool of enums. The owner is found by its name's prefix; these are the ones where that,
# or the acronym, goes wrong (seen by comparison with the descriptors inside the Envoy binary).
ENUM_NAMES: Mapping[str, str] = {
    "envoy.config.core.v3.ProxyProtocolPassThroughTlVsPassTlVsMatchType": (
        "envoy.config.core.v3.ProxyProtocolPassThroughTLVs.PassTLVsMatchType"
    ),
    "envoy.config.route.v3.RetryPolicyResetHeaderFormat": (
        "envoy.config.route.v3.RetryPolicy.ResetHeaderFormat"
    ),
    "envoy.data.accesslog.v3.HttpAccessLogEntryHttpVersion": (
        "envoy.data.accesslog.v3.HTTPAccessLogEntry.HTTPVersion"
    ),
    "envoy.data.accesslog.v3.TlsPropertiesTlsVersion": (
        "envoy.data.accesslog.v3.TLSProperties.TLSVersion"
    ),
    "envoy.data.core.v3.HealthCheckFailureType": "envoy.data.core.v3.HealthCheckFailureType",
    "envoy.extensions.common.ratelimit.v3.XRateLimitHeadersRfcVersion": (
        "envoy.extensions.common.ratelimit.v3.XRateLimitHeadersRFCVersion"
    ),
    "envoy.extensions.filters.http.ratelimit.v3.RateLimitXRateLimitHeadersRfcVersion": (
        "envoy.extensions.filters.http.ratelimit.v3.RateLimit.XRateLimitHeadersRFCVersion"
    ),
    "envoy.service.status.v3.ClientConfigStatus": "envoy.service.status.v3.ClientConfigStatus",
    "io.prometheus.client.MetricType": "io.prometheus.client.MetricType",
}


def nested(
    root: DescriptorProto, full_name: str, index: dict[str, DescriptorProto]
) -> DescriptorProto:
    """Return the message of that full name under ``root``, made when new, packages and all."""
    if not full_name:
        return root
    if full_name not in index:
        parent, _, name = full_name.rpartition(".")
        index[full_name] = nested(root, parent, index).nested_type.add(name=name)
    return index[full_name]


def add_data_plane(root: DescriptorProto, index: dict[str, DescriptorProto]) -> None:
    """Add every message and enum of envoy_data_plane's current API under ``root``."""
    classes = message_classes()
    for full_name, cls in sorted(classes.items()):
        _fill(nested(root, full_name, index), full_name, cls)
    enums = {
        _enum_name(target): target
        for cls in classes.values()
        for _, target in _references(cls)
        if issubclass(target, betterproto2.Enum) and not _is_well_known(_package(target))
    }
    for full_name, enum in sorted(enums.items()):
        parent, _, name = full_name.rpartition(".")
        nested(root, parent, index).enum_type.append(_enum(name, enum))


def is_current(full_name: str) -> bool:
    """Tell what an Envoy of today speaks from the v2 API and from .proto files' annotations."""
    packages = full_name.split(".")
    if packages[0] == "validate":
        return False
    return packages[0] != "envoy" or any(part.startswith("v3") for part in packages)


@cache
def message_classes() -> Mapping[str, type[betterproto2.Message]]:
    """Return the current messages, and all that they refer to, by full name.

    ``google.protobuf`` is left out: those classes come from the protobuf runtime.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for module in pkgutil.walk_packages(envoy_data_plane.__path__, "envoy_data_plane."):
            importlib.import_module(module.name)
    kept: dict[str, type[betterproto2.Message]] = {}
    todo = [cls for cls in default_message_pool.type_to_url if is_current(_full_name(cls))]
    while todo:
        cls = todo.pop()
        name = _full_name(cls)
        if _is_well_known(name) or name in kept:
            continue
        kept[name] = cls
        todo += [to for _, to in _references(cls) if issubclass(to, betterproto2.Message)]
    return kept


def metadata(cls: type[betterproto2.Message]) -> Any:
    """Return betterproto2's own record of a message's fields."""
    return getattr(cls, "_betterproto")  # noqa: B009 - mypy misreads the type of the attribute


def _full_name(cls: type[betterproto2.Message]) -> str:
    return default_message_pool.type_to_url[cls].partition("/")[2]


def _is_well_known(full_name: str) -> bool:
    return full_name == "google.protobuf" or full_name.startswith("google.protobuf.")


def _package(cls: type) -> str:
    return cls.__module__.removeprefix("envoy_data_plane.")


def _references(cls: type[betterproto2.Message]) -> Iterator[tuple[str, type]]:
    """Yield (field name, message or enum class) for each field that refers to one."""
    record = metadata(cls)
    for name, meta in record.meta_by_field_name.items():
        value = meta.map_meta[1] if meta.map_meta else meta
        if value.unwrap:
            yield name, value.unwrap()
        elif value.proto_type in {betterproto2.TYPE_MESSAGE, betterproto2.TYPE_ENUM}:
            yield name, record.cls_by_field[f"{name}.value" if meta.map_meta else name]


@cache
def _owners(package: str) -> list[tuple[str, str]]:
    """Return (flattened Python name, full name) of a package's messages, the longest first."""
    owners = [
        (cls.__name__, name) for name, cls in message_classes().items() if _package(cls) == package
    ]
    return sorted(owners, key=lambda pair: -len(pair[0]))


@cache
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


def _fill(message: DescriptorProto, full_name: str, cls: type[betterproto2.Message]) -> None:
    """Add the fields and oneofs of one message."""
    targets = dict(_references(cls))
    oneofs: dict[str, int] = {}
    presence: list[FieldDescriptorProto] = []
    for python_name, meta in metadata(cls).meta_by_field_name.items():
        field = message.field.add(name=_proto_name(python_name), number=meta.number)
        many = meta.repeated or meta.map_meta
        field.label = field.LABEL_REPEATED if many else field.LABEL_OPTIONAL
        target = targets.get(python_name)
        if meta.map_meta:
            field.type = field.TYPE_MESSAGE
            field.type_name = f".{full_name}.{_map_entry(message, field.name, meta, target)}"
            continue
        _set_type(field, meta.proto_type, target)
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


def _map_entry(message: DescriptorProto, field_name: str, meta: Any, target: Any) -> str:
    """Add a map field's entry message, named as protoc names it, and return its name."""
    name = "".join(part.capitalize() for part in field_name.split("_")) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    for member_name, part in zip(("key", "value"), meta.map_meta, strict=True):
        member = entry.field.add(name=member_name, number=part.number, label="LABEL_OPTIONAL")
        _set_type(member, part.proto_type, target)
    return name


def _set_type(field: FieldDescriptorProto, proto_type: str, target: Any) -> None:
    field.type = FieldDescriptorProto.Type.Value(f"TYPE_{proto_type.upper()}")
    if field.type == field.TYPE_MESSAGE:
        field.type_name = f".{_full_name(target)}"
    elif field.type == field.TYPE_ENUM:
        field.type_name = f".{_enum_name(target)}"


def _proto_name(python_name: str) -> str:
    """Undo betterproto2's escape of Python's keywords (``in_``)."""
    bare = python_name.removesuffix("_")
    return bare if keyword.iskeyword(bare) else python_name


def _enum(name: str, enum: type[betterproto2.Enum]) -> EnumDescriptorProto:
    """Return an enum with the .proto's value names; betterproto2 drops their common prefix."""
    renamed = enum.betterproto_value_to_renamed_proto_names()
    result = EnumDescriptorProto(name=name)
    for value_name, member in enum.__members__.items():
        result.value.add(name=renamed.get(int(member), value_name), number=int(member))
    if len({value.number for value in result.value}) < len(result.value):
        result.options.allow_alias = True
    # proto3 wants the zero first; the others keep the .proto's order
    result.value.sort(key=lambda value: value.number != 0)
    return result
