"""Where a cluster keeps how it speaks HTTP: an extension, packed, that policies add to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from policies.base import cluster_v3
from xds.schema import envoy
from xds.wire import decode, pack

http_v3 = envoy.extensions.upstreams.http.v3

EXTENSION = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@contextmanager
def http_options(cluster: cluster_v3.Cluster) -> Iterator[http_v3.HttpProtocolOptions]:
    """Open the cluster's HttpProtocolOptions to change them; they are packed again at the end."""
    packed = cluster.typed_extension_protocol_options[EXTENSION]
    options = decode(http_v3.HttpProtocolOptions, packed.value)
    yield options
    packed.CopyFrom(pack(options))
