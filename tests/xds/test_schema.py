"""The message classes: their spelling, their values, and what loading them imports."""

from __future__ import annotations

import operator
import subprocess
import sys
from datetime import timedelta

import pytest
from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.message import Message

from xds import schema
from xds.schema import UnknownTypeError, envoy, google, message_class

cluster_v3 = envoy.config.cluster.v3


def test_alias_of_a_package_gives_the_same_class() -> None:
    """A package can be given a short name, as an import would."""
    assert cluster_v3.Cluster is envoy.config.cluster.v3.Cluster
    assert cluster_v3.Cluster is message_class(
        "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    )


@pytest.mark.parametrize(
    "full_name",
    [
        "envoy.service.discovery.v3.DiscoveryRequest",
        "envoy.extensions.filters.http.router.v3.Router",
        "envoy.admin.v3.ConfigDump",
        "envoy.service.status.v3.ClientStatusResponse",
        "envoy.service.load_stats.v3.LoadStatsRequest",
        "envoy.service.ext_proc.v3.ProcessingRequest",
        "envoy.service.auth.v3.CheckRequest",
        "envoy.service.ratelimit.v3.RateLimitRequest",
        "envoy.service.accesslog.v3.StreamAccessLogsMessage",
        "google.rpc.Status",
        "google.protobuf.Any",
        "google.protobuf.UInt32Value",
        "xds.type.v3.TypedStruct",
        "udpa.type.v1.TypedStruct",
        "opentelemetry.proto.common.v1.KeyValue",
        "cel.expr.ParsedExpr",
    ],
)
def test_spelling_is_the_full_name(full_name) -> None:
    """A class is found under the full name its .proto gives it."""
    cls = operator.attrgetter(full_name)(schema)
    assert cls.DESCRIPTOR.full_name == full_name


def test_values_that_the_runtime_converts() -> None:
    """A timedelta, a dict and an enum value's name stand for their messages and numbers."""
    short = cluster_v3.Cluster(connect_timeout=timedelta(seconds=1.5), type="STRICT_DNS")
    long = cluster_v3.Cluster(
        connect_timeout={"seconds": 1, "nanos": 500_000_000},
        type=cluster_v3.Cluster.DiscoveryType.STRICT_DNS,
    )
    assert short == long
    assert cluster_v3.Cluster.STRICT_DNS == 1


def test_none_leaves_a_field_unset() -> None:
    """None in a constructor means nothing, so optional parts need no branches."""
    assert cluster_v3.Cluster(name="x", connect_timeout=None, health_checks=None) == (
        cluster_v3.Cluster(name="x")
    )


def test_unknown_field_is_an_error() -> None:
    """A misspelled field is refused when the message is made."""
    with pytest.raises(ValueError, match="nam"):
        cluster_v3.Cluster(nam="x")  # type: ignore[call-arg]  # what this test is about


def test_unknown_names_are_attribute_errors() -> None:
    """A package or message that is not there behaves as any missing attribute does."""
    with pytest.raises(AttributeError, match="Clustr"):
        _ = cluster_v3.Clustr  # type: ignore[attr-defined]  # what this test is about
    with pytest.raises(AttributeError, match=r"google\.protobuf\.Nothing"):
        _ = google.protobuf.Nothing  # type: ignore[attr-defined]  # what this test is about
    with pytest.raises(UnknownTypeError, match=r"envoy\.Nothing"):
        message_class("type.googleapis.com/envoy.Nothing")


def test_well_known_types_keep_their_methods() -> None:
    """google.protobuf's classes carry protobuf's own conversions."""
    duration = google.protobuf.Duration()
    duration.FromTimedelta(timedelta(milliseconds=1500))
    assert duration.ToJsonString() == "1.500s"
    struct = google.protobuf.Struct()
    struct.update({"a": [1, {"b": None}]})
    assert struct["a"][1]["b"] is None
    wrapped = google.protobuf.Any()
    wrapped.Pack(duration)
    assert wrapped.Is(google.protobuf.Duration.DESCRIPTOR)
    inside = google.protobuf.Duration()
    assert wrapped.Unpack(inside)
    assert inside == duration


def test_pool_is_private() -> None:
    """The classes meet no other copy of the API: neither is known to protobuf's own pool."""
    classes: list[type[Message]] = [google.protobuf.Any, any_pb2.Any]
    assert classes[0] is not classes[1]
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("envoy.config.cluster.v3.Cluster")


def test_loading_imports_nothing_heavy() -> None:
    """A fresh process makes a Cluster without betterproto2, grpc or protobuf's descriptor_pb2.

    Each costs more than the schema itself; not by timing, because timing fails on a busy machine.
    """
    program = (
        "import sys; from xds.schema import envoy; envoy.config.cluster.v3.Cluster(name='x');"
        "print(*sorted(sys.modules))"
    )
    modules = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    heavy = {"betterproto2", "envoy_data_plane", "grpc", "pydantic", "asyncio"}
    assert not heavy & modules
    assert "google.protobuf.descriptor_pb2" not in modules
