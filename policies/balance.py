"""Which endpoint of a service gets the next request.

``round_robin`` (the default) takes turns, ``least_request`` draws two endpoints and takes the one
with less under way, ``random`` draws one; all three respect weights. ``ring_hash`` and ``maglev``
send what is alike to the same endpoint, by one of ``header`` (its value), ``cookie`` (its value; a
client without one is given it, for its session) and ``source_ip``. Maglev is faster and more even,
a ring moves fewer clients when endpoints come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.base import Place, PolicyKind, cluster_v3, route_v3
from policies.document import Document, Maybe, keyed
from policies.values import HeaderName, refuse

_POLICIES: dict[str, cluster_v3.Cluster.LbPolicy.ValueType] = {
    "round_robin": cluster_v3.Cluster.ROUND_ROBIN,
    "least_request": cluster_v3.Cluster.LEAST_REQUEST,
    "random": cluster_v3.Cluster.RANDOM,
    "ring_hash": cluster_v3.Cluster.RING_HASH,
    "maglev": cluster_v3.Cluster.MAGLEV,
}


class HashBy(Document):
    """What requests must have in common to reach the same endpoint."""

    header: Maybe[HeaderName] = None
    """A header's value."""
    cookie: Maybe[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", examples=["session"])]
    ] = None
    """A cookie's value; Envoy sets the cookie where a client has none."""
    source_ip: Maybe[Literal[True]] = None
    """The client's address."""

    @model_validator(mode="after")
    def _one(self) -> HashBy:
        given = [key for key in ("header", "cookie", "source_ip") if getattr(self, key) is not None]
        if len(given) != 1:
            refuse(
                "bad-balance",
                f"a hash is taken of one thing, this of {len(given)}",
                "give one of `header`, `cookie`, `source_ip`",
            )
        return self


class Balance(Document):
    """Which endpoint of a service gets the next request."""

    method: Maybe[Literal["round_robin", "least_request", "random"]] = None
    """Take turns, take the one with less to do, or draw."""
    ring_hash: Maybe[HashBy] = None
    """The same endpoint for what is alike, on a ring."""
    maglev: Maybe[HashBy] = None
    """The same endpoint for what is alike, by a table."""

    @model_validator(mode="after")
    def _one(self) -> Balance:
        given = [key for key in ("method", "ring_hash", "maglev") if getattr(self, key) is not None]
        if len(given) != 1:
            refuse(
                "bad-balance",
                f"endpoints are chosen in one way, this names {len(given)}",
                "write `round_robin`, `least_request`, `random`, or one of `ring_hash`, `maglev`",
            )
        return self


@dataclass(frozen=True, slots=True)
class BalancePlan:
    """The method, and for hashes what is hashed: at most one of the three."""

    method: str
    header: str | None = None
    cookie: str | None = None
    source_ip: bool = False


def plan(document: Balance) -> BalancePlan:
    """Unfold the shapes."""
    if document.method is not None:
        return BalancePlan(document.method)
    method = "ring_hash" if document.ring_hash is not None else "maglev"
    by = document.ring_hash or document.maglev or HashBy(source_ip=True)
    return BalancePlan(
        method,
        header=None if by.header is None else by.header.lower(),
        cookie=by.cookie,
        source_ip=by.source_ip is True,
    )


def patch_cluster(plan: BalancePlan, cluster: cluster_v3.Cluster) -> None:
    """Set the cluster's method."""
    cluster.lb_policy = _POLICIES[plan.method]


def patch_route_to(plan: BalancePlan, route: route_v3.Route) -> None:
    """Hash what the cluster balances by: in Envoy, routes do that."""
    if plan.header is not None:
        route.route.hash_policy.add().header.header_name = plan.header
    elif plan.cookie is not None:
        cookie = route.route.hash_policy.add().cookie
        cookie.name = plan.cookie
        cookie.path = "/"
        cookie.ttl.SetInParent()  # zero: made by Envoy where missing, and gone with the session
    elif plan.source_ip:
        route.route.hash_policy.add().connection_properties.source_ip = True


KIND = PolicyKind(
    name="balance",
    places=frozenset({Place.SERVICE}),
    docs=__doc__,
    document=Annotated[
        Balance,
        keyed("method", {"enum": ["round_robin", "least_request", "random"]}, str),
    ],
    plan=plan,
    valid="maglev: { header: x-user }",
    invalid="maglev: { header: x-user, source_ip: true }",
    invalid_code="bad-balance",
    patch_cluster=patch_cluster,
    patch_route_to=patch_route_to,
)
