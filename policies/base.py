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
from xds.wire import Message

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


def _no_features(_plan: Any) -> tuple[Feature, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class PolicyKind(Generic[P]):
    """One kind of policy.

    ``document`` is the annotated type (a pydantic model, or a type with validators) of the key's
    value; its docstring is the page in the language reference. ``plan`` turns a document into a
    frozen, Envoy-free value. The ``patch_*`` functions change a message that the compiler has
    made already; those that are None do not concern this kind. ``valid`` and ``invalid`` are the
    YAML of the key's value, as docs and tests show them; ``invalid_code`` is what the latter gets.
    """

    name: str
    places: frozenset[Place]
    document: Any
    plan: Callable[[Any], P]
    valid: str
    invalid: str
    invalid_code: str
    patch_listener: Callable[[P, Message], None] | None = None
    """Change the listener's HttpConnectionManager."""
    patch_route: Callable[[P, Message], None] | None = None
    """Change an ``envoy.config.route.v3.Route``."""
    patch_cluster: Callable[[P, Message], None] | None = None
    """Change an ``envoy.config.cluster.v3.Cluster``."""
    secrets: Callable[[P], tuple[SecretRef, ...]] = field(default=_no_secrets)
    needs: Callable[[P], tuple[Feature, ...]] = field(default=_no_features)
