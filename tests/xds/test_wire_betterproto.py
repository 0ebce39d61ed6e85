"""The rebuilt descriptors encode as betterproto2, whose metadata they were made from, does."""

from __future__ import annotations

import importlib
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from envoy_data_plane.message_pool import default_message_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.xds.random_messages import messages
from tests.xds.wire_order import in_order
from xds.data_plane import is_current, message_classes, metadata
from xds.schema import envoy
from xds.wire import encode

# Importing all of envoy_data_plane takes about 4 s; these packages, and what they refer to, hold
# a third of the messages and all that a gateway without extensions is made of, in 1.5 s.
CORE = ("envoy.config.bootstrap.v3", "envoy.service.auth.v3", "envoy.service.ext_proc.v3")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    for package in CORE:
        importlib.import_module(f"envoy_data_plane.{package}")
CORE_NAMES = sorted(
    name
    for name in (url.partition("/")[2] for url in default_message_pool.url_to_type)
    if is_current(name) and not name.startswith("google.protobuf.")
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def known_to_betterproto(field: FieldDescriptor) -> bool:
    """Tell whether envoy_data_plane has the field; the blob also has what only Envoy knows."""
    cls = default_message_pool.url_to_type.get(
        f"type.googleapis.com/{field.containing_type.full_name}"
    )
    if cls is None:
        return False
    return field.number in metadata(cls).field_name_by_number


def to_betterproto(message: Message) -> Any:
    """Build the same message from betterproto2's classes, value by value."""
    cls = default_message_pool.url_to_type[f"type.googleapis.com/{message.DESCRIPTOR.full_name}"]
    record = metadata(cls)
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = record.field_name_by_number[field.number]
        meta = record.meta_by_field_name[name]
        if meta.map_meta:
            kind = field.message_type.fields_by_name["value"]
            enum = record.cls_by_field.get(f"{name}.value")
            inner = meta.map_meta[1]
            values[name] = {key: _convert(kind, inner, enum, value[key]) for key in value}
        elif field.is_repeated:
            enum = record.cls_by_field[name]
            values[name] = [_convert(field, meta, enum, item) for item in value]
        else:
            values[name] = _convert(field, meta, record.cls_by_field[name], value)
    return cls(**values)


def _convert(field: FieldDescriptor, meta: Any, enum: Any, value: Any) -> Any:
    """Convert one value: wrappers, durations and timestamps are Python's own types there."""
    if field.enum_type is not None:
        return enum(value)
    if field.message_type is None:
        return value
    name = field.message_type.full_name
    if meta.unwrap is None:
        return to_betterproto(value)
    if name == "google.protobuf.Duration":
        return timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    if name == "google.protobuf.Timestamp":
        return datetime.fromtimestamp(value.seconds, UTC) + timedelta(
            microseconds=value.nanos // 1000
        )
    return value.value


def assert_same_bytes(message: Message) -> None:
    descriptor: Any = message.DESCRIPTOR
    ours = in_order(encode(message), descriptor)
    assert ours == in_order(bytes(to_betterproto(message)), descriptor)


@given(st.sampled_from(CORE_NAMES).flatmap(lambda name: messages(name, known_to_betterproto)))
def test_random_core_message_encodes_as_betterproto_does(message: Message) -> None:
    """A random message of the core API has betterproto2's bytes, but for the order of fields."""
    assert_same_bytes(message)


@pytest.mark.slow
@given(
    st.deferred(lambda: st.sampled_from(sorted(message_classes()))).flatmap(
        lambda name: messages(name, known_to_betterproto)
    )
)
@settings(max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
def test_random_message_encodes_as_betterproto_does(message: Message) -> None:
    """A random message of any type has betterproto2's bytes, but for the order of fields."""
    assert_same_bytes(message)


def test_order_is_the_only_freedom() -> None:
    """The comparison tells a changed value from a changed order."""
    cls = envoy.config.core.v3.SocketAddress
    address, port = b"\x12\x011", b"\x18\x05"
    assert in_order(port + address, cls.DESCRIPTOR) == address + port
    assert in_order(address + port, cls.DESCRIPTOR) == address + port
    assert in_order(address + b"\x18\x06", cls.DESCRIPTOR) != address + port
    with pytest.raises(KeyError):
        in_order(b"\x78\x01", cls.DESCRIPTOR)
