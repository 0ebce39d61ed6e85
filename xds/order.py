"""The types of resources that are served, and the order in which ADS sends them.

Source: "Eventual consistency considerations" of Envoy's xDS protocol page. Clusters come before
their endpoints, both before the listeners, and routes last; a secret goes wherever the cluster or
listener that asks for it goes, so it stands between the two. What the edge beside an Envoy is
served comes before the listeners whose requests it decides about.
"""

from __future__ import annotations

from typing import Final

_CONFIG: Final = "type.googleapis.com/envoy."

CLUSTER: Final = _CONFIG + "config.cluster.v3.Cluster"
ENDPOINT: Final = _CONFIG + "config.endpoint.v3.ClusterLoadAssignment"
SECRET: Final = _CONFIG + "extensions.transport_sockets.tls.v3.Secret"
LISTENER: Final = _CONFIG + "config.listener.v3.Listener"
ROUTE: Final = _CONFIG + "config.route.v3.RouteConfiguration"
SCOPED_ROUTE: Final = _CONFIG + "config.route.v3.ScopedRouteConfiguration"
VIRTUAL_HOST: Final = _CONFIG + "config.route.v3.VirtualHost"
EXTENSION: Final = _CONFIG + "config.core.v3.TypedExtensionConfig"
RUNTIME: Final = _CONFIG + "service.runtime.v3.Runtime"

# As in xds.edge.resources, which needs the schema to be read first.
_EDGE: Final = "type.googleapis.com/gatewright.edge.v1."
EDGE_RULES: Final = _EDGE + "Rules"
EDGE_PROCESSING: Final = _EDGE + "Processing"
EDGE_KEYS: Final = _EDGE + "KeyShard"
EDGE_REVOKED: Final = _EDGE + "Revoked"

ORDER: Final = (
    CLUSTER,
    ENDPOINT,
    SECRET,
    EXTENSION,
    EDGE_REVOKED,
    EDGE_KEYS,
    EDGE_RULES,
    EDGE_PROCESSING,
    LISTENER,
    SCOPED_ROUTE,
    ROUTE,
    VIRTUAL_HOST,
    RUNTIME,
)
"""First sent, first here. A type that is not listed goes last, by its URL."""

FOLLOWS: Final = {EDGE_KEYS: EDGE_REVOKED}
"""Types that wait while a response of another one waits for its answer: of that there may be more
to say, and a shard must not bring back a key before the word that it is refused."""

COMPLETE: Final = frozenset({CLUSTER, LISTENER})
"""Types whose SotW response is the whole truth: what it leaves out is deleted."""

ALL_BY_SILENCE: Final = COMPLETE | {VIRTUAL_HOST}
"""Types of which an empty first request means "everything". Envoy asks for virtual hosts so: it
knows the tables that it waits for, and names neither them nor hosts."""

SUPPORT: Final = frozenset({CLUSTER, ENDPOINT, SECRET, RUNTIME})
"""Types that must be in place before what refers to them may change."""

FULL_ON_CONNECT: Final = frozenset({ENDPOINT, SECRET})
"""Types whose first request on a stream is answered whatever version it claims.

A cluster (or listener) that was warming when the stream broke still waits for a response; one that
is withheld because "the client has it" leaves Envoy waiting until its own timeout.
"""

NEVER_REMOVED: Final = frozenset({SECRET, EXTENSION})
"""Types for which "there is none" is never said: Envoy would open the waiting listener without its
certificate, or drop the filter. Silence keeps what it has."""

NAMED_ONLY: Final = frozenset({SECRET})
"""Types that nobody gets by a wildcard."""


def rank(type_url: str) -> tuple[int, str]:
    """Sort key of a type under ADS."""
    return (ORDER.index(type_url), "") if type_url in ORDER else (len(ORDER), type_url)
