"""The names that the lowering of accounts gives: metadata, headers, filters, clusters."""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "gatewright.account"
"""Metadata of routes: the policy's name of the route, and the limits that it is under."""

ROUTE: Final = "route"

REQUEST_ID: Final = "x-request-id"

IDENTITY_HEADERS: Final = {
    "tenant": "x-gatewright-tenant",
    "team": "x-gatewright-team",
    "user": "x-gatewright-user",
}
"""By the key of the request's metadata that each is made of, where Envoy itself knows them."""

JWT: Final = "envoy.filters.http.jwt_authn"
"""The namespace of verified payloads, each under its issuer's name."""


def issuer_cluster(name: str, what: str) -> str:
    """The name of the cluster at which an issuer publishes keys (`jwks`) or tokens (`token`)."""
    return f"issuer/{name}/{what}"
