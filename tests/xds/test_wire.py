"""Encoding: the same message gives the same bytes and the same JSON, in every process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from google.protobuf.json_format import ParseError
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.envoy_process import validate
from tests.xds.random_messages import message_names, messages
from xds.schema import envoy, google, xds
from xds.wire import (
    UnknownTypeError,
    decode,
    encode,
    from_json,
    pack,
    to_json,
    type_url,
    typed_struct,
    unpack,
)

Cluster = envoy.config.cluster.v3.Cluster
ORDERED = """
import json
from xds.schema import envoy, google
from xds.wire import encode, from_json, to_json, type_url

struct = google.protobuf.Struct()
struct.update({f"k{n}": {"b": n, "a": n} for n in range(20)})
metadata = envoy.config.core.v3.Metadata(filter_metadata={f"m{n}": struct for n in range(20)})
url = type_url(envoy.config.cluster.v3.Cluster)
read = from_json(google.protobuf.Any, {"@type": url, "name": "x", "metadata": to_json(metadata)})
print(encode(metadata).hex(), encode(read).hex(), json.dumps(to_json(read)))
"""

any_message = st.sampled_from(message_names()).flatmap(messages)


def test_type_url_of_class_and_message() -> None:
    """A type URL is the full name behind type.googleapis.com."""
    url = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    assert type_url(Cluster) == type_url(Cluster(name="x")) == url


@given(any_message)
def test_bytes_round_trip(message) -> None:
    """What is encoded is decoded to the same message, and encoded to the same bytes again."""
    data = encode(message)
    again = decode(type(message), data)
    assert again == message
    assert encode(again) == data


@given(any_message)
def test_any_round_trip(message) -> None:
    """What is packed is unpacked to the same message of the same class."""
    again = unpack(pack(message))
    assert type(again) is type(message)
    assert again == message


@given(any_message)
def test_json_round_trip(message) -> None:
    """What is written as JSON text is read to the same message, down to the bytes inside Anys."""
    text = json.dumps(to_json(message))
    assert encode(from_json(type(message), json.loads(text))) == encode(message)


def test_order_is_the_same_in_every_process() -> None:
    """Bytes and JSON do not depend on the runtime's hash order, which differs between processes."""
    runs = {subprocess.check_output([sys.executable, "-c", ORDERED], text=True) for _ in range(4)}
    assert len(runs) == 1


def test_typed_struct_names_the_type_and_holds_the_value() -> None:
    """A type that the schema lacks travels as its name and a Struct."""
    packed = typed_struct(
        "envoy.new.v3.Thing", {"retries": 3, "names": ["a"], "deep": {"on": True}}
    )
    assert packed.type_url == "type.googleapis.com/xds.type.v3.TypedStruct"
    assert to_json(packed) == {
        "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        "type_url": "type.googleapis.com/envoy.new.v3.Thing",
        "value": {"deep": {"on": True}, "names": ["a"], "retries": 3.0},
    }
    assert packed == typed_struct(
        "type.googleapis.com/envoy.new.v3.Thing",
        {"deep": {"on": True}, "names": ["a"], "retries": 3},
    )


def test_json_is_envoys() -> None:
    """JSON has the .proto's names, opened Anys, durations as text and enums by name."""
    cluster = Cluster(
        name="x",
        type="STRICT_DNS",
        connect_timeout={"seconds": 1, "nanos": 500_000_000},
        typed_extension_protocol_options={"o": pack(google.protobuf.Duration(seconds=2))},
    )
    assert to_json(cluster) == {
        "name": "x",
        "type": "STRICT_DNS",
        "connect_timeout": "1.500s",
        "typed_extension_protocol_options": {
            "o": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "2s"}
        },
    }


def test_unknown_type_in_an_any_is_named() -> None:
    """An Any of a type that the schema lacks is an error that names it."""
    stranger = google.protobuf.Any(type_url="type.googleapis.com/acme.Thing", value=b"")
    for read in (unpack, to_json):
        with pytest.raises(UnknownTypeError, match=r"acme\.Thing"):
            read(stranger)


def test_broken_input_is_refused() -> None:
    """Broken bytes and wrong JSON raise protobuf's own errors; the latter names the field."""
    with pytest.raises(DecodeError):
        decode(Cluster, b"\xff")
    with pytest.raises(ParseError, match="conect_timeout"):
        from_json(Cluster, {"conect_timeout": "1s"})


def test_empty_any_stays_empty() -> None:
    """An Any that holds nothing survives JSON."""
    extension = envoy.config.core.v3.TypedExtensionConfig(name="x", typed_config={})
    assert from_json(type(extension), to_json(extension)) == extension


@pytest.mark.e2e
def test_real_envoy_reads_the_dump() -> None:
    """The real Envoy accepts a bootstrap that was built from messages and written as JSON.

    It holds a priority group as its own message, one as TypedStruct, and a Lua filter.
    """
    groups = envoy.extensions.router.cluster_specifiers.priority_group.v3
    specifier = groups.PriorityGroupClusterSpecifier(
        priority_groups=[
            {"name": "first", "clusters": [{"cluster_name": "x", "weight": {"value": 1}}]}
        ]
    )
    full_name = specifier.DESCRIPTOR.full_name

    def route(prefix: str, config: google.protobuf.Any) -> envoy.config.route.v3.Route:
        plugin = {"extension": {"name": "priority", "typed_config": config}}
        return envoy.config.route.v3.Route(
            match={"prefix": prefix}, route={"inline_cluster_specifier_plugin": plugin}
        )

    network = envoy.extensions.filters.network.http_connection_manager.v3
    http = envoy.extensions.filters.http
    lua = http.lua.v3.Lua(default_source_code={"inline_string": "function envoy_on_request(h) end"})
    manager = network.HttpConnectionManager(
        stat_prefix="x",
        http_filters=[
            {"name": "lua", "typed_config": pack(lua)},
            {"name": "router", "typed_config": pack(http.router.v3.Router())},
        ],
        route_config=envoy.config.route.v3.RouteConfiguration(
            virtual_hosts=[
                {
                    "name": "x",
                    "domains": ["*"],
                    "routes": [
                        route("/typed", pack(specifier)),
                        route("/struct", typed_struct(full_name, to_json(specifier))),
                    ],
                }
            ]
        ),
    )
    listener = envoy.config.listener.v3.Listener(
        name="x",
        address={"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        filter_chains=[{"filters": [{"name": "http", "typed_config": pack(manager)}]}],
    )
    bootstrap = envoy.config.bootstrap.v3.Bootstrap(
        static_resources={
            "listeners": [listener],
            "clusters": [Cluster(name="x", type="STATIC", connect_timeout={"seconds": 1})],
        }
    )
    dump = to_json(bootstrap)
    assert xds.type.v3.TypedStruct.DESCRIPTOR.full_name in json.dumps(dump)
    validate(dump)
