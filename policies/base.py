"""The protocol of a policy kind: its words, its plan, and what it changes in Envoy's resources.

A policy kind is one file in this folder: a key that may stand on a route, a service, a provider
or a listener. It says what may be written (``document``), what that means (``plan``), and how
Envoy does it (one or more of the ``patch_*`` verbs). It knows nothing of the rest of the gateway,
so that a reader finds all of a feature in one place. ``policies.registry`` lists the kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from policies.secret import SecretRef
from xds.schema import envoy
from xds.wire import Message

cluster_v3 = envoy.config.cluster.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
listener_v3 = envoy.config.listener.v3
route_v3 = envoy.config.route.v3

P = TypeVar("P")


class Place(StrEnum):
    """Where in the language a policy's key may stand."""

    LISTENER = "listener"
    ROUTE = "route"
    SERVICE = "service"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Feature:
    """Something of Envoy's that came with a version: ``since`` is (major, minor)."""

    name: str
    since: tuple[int, int]


def _no_secrets(_plan: Any) -> tuple[SecretRef, ...]:
    return ()


def _no_filters(_plan: Any) -> tuple[tuple[str, Message], ...]:
    return ()


def _no_features(_plan: Any) -> tuple[Feature, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class PolicyKind(Generic[P]):
    """One kind of policy.

    ``docs`` is the page in the language reference: the docstring of the kind's module.
    ``document`` is the annotated type (a pydantic model, or a type with validators) of the key's
    value. ``plan`` turns a document into a frozen, Envoy-free value. The ``patch_*`` functions
    change a message that the compiler has made already; those that are None do not concern this
    kind. ``valid`` and ``invalid`` are the YAML of the key's value, as docs and tests show them;
    ``invalid_code`` is what the latter gets.
    """

    name: str
    places: frozenset[Place]
    docs: str
    document: Any
    plan: Callable[[Any], P]
    valid: str
    invalid: str
    invalid_code: str
    patch_listener: Callable[[P, hcm_v3.HttpConnectionManager], None] | None = None
    """Change how the listener speaks HTTP."""
    patch_filter_chain: Callable[[P, listener_v3.FilterChain], None] | None = None
    """Change how the listener takes connections (TLS)."""
    patch_route: Callable[[P, route_v3.Route], None] | None = None
    """Change the route that has the policy."""
    on_answers: bool = False
    """Whether ``patch_route`` also means something where the gateway itself answers (redirect,
    respond); else it is only called on routes that forward."""
    patch_cluster: Callable[[P, cluster_v3.Cluster], None] | None = None
    """Change the cluster of the service or provider that has the policy."""
    patch_route_to: Callable[[P, route_v3.Route], None] | None = None
    """Change each route that leads to the service that has the policy."""
    http_filters: Callable[[P], tuple[tuple[str, Message], ...]] = field(default=_no_filters)
    """HTTP filters (name, configuration) that a listener must hold, switched off, where a route
    has this policy; ``patch_route`` switches them on for that route."""
    secrets: Callable[[P], tuple[SecretRef, ...]] = field(default=_no_secrets)
    needs: Callable[[P], tuple[Feature, ...]] = field(default=_no_features)
