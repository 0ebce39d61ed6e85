"""The order of a listener's HTTP filters: one line a filter, each with the reason it stands there.

Requests pass the filters from top to bottom, answers from bottom to top.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from xds.schema import envoy

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3


class Position(NamedTuple):
    """A filter's name in the listener, and why it stands where it does."""

    name: str
    reason: str


ORDER: tuple[Position, ...] = (
    Position(
        "envoy.filters.http.on_demand",
        "fetches the host of the request: before that there is no route to do anything for",
    ),
    Position(
        "envoy.filters.http.oauth2",
        "a login's cookie becomes a token before anybody looks for one",
    ),
    Position(
        "envoy.filters.http.jwt_authn",
        "whose token it is can be told by headers alone: no body is held for one that is wrong",
    ),
    Position(
        "gatewright.identity",
        "tells which tenant a verified token or certificate is; all that follows goes by that",
    ),
    Position(
        "envoy.filters.http.rbac",
        "who may not come here is told so before anything is held for them",
    ),
    Position(
        "envoy.filters.http.buffer",
        "a body that is too large must be refused before anything is done with it",
    ),
    Position(
        "envoy.filters.http.json_to_metadata",
        "reads the model from the whole body, by which the route is chosen anew",
    ),
    Position(
        "gatewright.form",
        "does the same for forms with files in them, which are no JSON",
    ),
    Position(
        "envoy.filters.http.ext_authz",
        "the edge is asked about the route that the model chose, and sees the body where it must",
    ),
    Position(
        "envoy.filters.http.ratelimit",
        "asks about limits of the tenant that the filters before it found",
    ),
    Position(
        "envoy.filters.http.local_ratelimit",
        "counts what was let through so far, by the tenant that was found",
    ),
    Position("envoy.filters.http.router", "sends the request away: nothing can stand behind it"),
)

_RANKS = {position.name: rank for rank, position in enumerate(ORDER)}


def arrange(filters: Iterable[hcm_v3.HttpFilter]) -> list[hcm_v3.HttpFilter]:
    """Put filters in their order; KeyError for one whose place nobody has decided.

    Several of a kind (`envoy.filters.http.oauth2/corp`) stand together, by name.
    """
    return sorted(filters, key=lambda f: (_RANKS[f.name.partition("/")[0]], f.name))
