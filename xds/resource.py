"""One resource of the xDS API before it is encoded: what compilers make and ADS serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from xds.wire import Message, type_url


@dataclass(frozen=True, slots=True)
class Resource:
    """A message under the name that subscribers ask for.

    ``type_url`` is ``type.googleapis.com/envoy.config.cluster.v3.Cluster`` and so on. The message
    is left out of the repr: it may hold a secret, and is long. ``ttl`` is how long a client keeps
    it without hearing from the server; for ever where it is None.
    """

    type_url: str
    name: str
    message: Message = field(repr=False)
    ttl: timedelta | None = None


def resource(message: Any, *, ttl: timedelta | None = None) -> Resource:
    """Make a resource of a message, under the name that the message itself carries.

    A ClusterLoadAssignment is named by ``cluster_name``, every other type by ``name``. Raises
    ValueError where that is empty.
    """
    name: str = message.cluster_name if hasattr(message, "cluster_name") else message.name
    if not name:
        raise ValueError(f"a {type_url(message)} without a name cannot be asked for")
    return Resource(type_url(message), name, message, ttl)
