"""How an Envoy and its edge speak of an attempt over ext_proc: the names on the wire.

An attempt's filter chain runs ext_proc in one of two ways, which the edge tells apart by the
``protocol_config`` of the first message:

* whole: request and answer are FULL_DUPLEX_STREAMED. The edge reads the request's body to its end,
  answers its headers and body together, and does likewise with the answer, or streams it.
* gate: only the answer's headers (and its body, STREAMED) come. The edge holds the headers until
  the first content has come, and then leaves, or turns the answer into a failure.
"""

from __future__ import annotations

from typing import Final

METHOD: Final = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"

UPSTREAM: Final = "x-gatewright-upstream"
"""gRPC metadata of each stream: the name of the attempt's cluster (`Processing.upstreams`)."""

ROUTE_ATTRIBUTE: Final = "xds.route_name"
"""The attribute that tells the Envoy route (`Processing.operations`)."""

FILTER: Final = "gatewright.process"
"""The name of the filter in a cluster's chain is this, a slash, and the cluster's name: so that a
route may switch it off, or have it be a gate, for one cluster of its chain."""

RETRY: Final = "x-gatewright-retry"
"""A header of answers for Envoy's router alone: the trigger for which it is to go on."""

RETRY_AFTER: Final = "x-gatewright-retry-after"
"""A header of answers for Envoy's router alone: how many seconds to wait before the same provider
is tried again."""

DROPPED: Final = "x-gatewright-dropped"
"""A header of answers for clients: the members of their request that the target was not told."""

REPLIED: Final = "gatewright_process"
"""The details of answers that the edge gives in a provider's place, in the client's schema."""

FIRST: Final = "x-gatewright-first"
"""A header of requests, set by the edge's answer to ext_authz alone: the number (from 0, in the
policy's order) of the group of targets that is tried first, where a model chooses by latency."""
