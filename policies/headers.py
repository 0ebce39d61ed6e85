"""Headers set, added and removed, on the way to the service and back.

``set`` replaces what is there, ``add`` adds another value, ``remove`` takes all values away; what
is removed is removed first. Values are plain text. ``host`` is changed by ``rewrite``, and how the
body is framed is Envoy's own business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from policies.base import Place, PolicyKind, route_v3
from policies.document import Document, Items
from policies.values import HeaderName, HeaderValue, refuse, shown
from xds.schema import envoy

core_v3 = envoy.config.core.v3

_NOT_OURS = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding")
)


def _changeable(name: str) -> str:
    if name.lower() in _NOT_OURS:
        hint = "use `rewrite: { host: .. }`" if name.lower() == "host" else "leave it to Envoy"
        refuse("bad-header", f"{shown(name)} cannot be changed here", hint)
    return name


Changeable = Annotated[HeaderName, AfterValidator(_changeable)]
Values = dict[Changeable, HeaderValue]


class Changes(Document):
    """Changes to the headers of one direction."""

    set: Values = Field(default={})
    """Replace the header, or add it."""
    add: Values = Field(default={})
    """Add another value of the header."""
    remove: Items[Changeable] = ()
    """Take the header away."""

    @model_validator(mode="after")
    def _no_contradiction(self) -> Changes:
        names = [n.lower() for part in (self.set, self.add, self.remove) for n in part]
        for name in names:
            if names.count(name) > 1:
                refuse("bad-header", f"{shown(name)} is changed twice", "`set` replaces all values")
        return self


class Headers(Document):
    """Headers set, added and removed, on the way to the service and back."""

    request: Changes = Changes()
    """On the way to the service."""
    response: Changes = Changes()
    """On the way back to the client."""


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Lower-case names, sorted; values as written."""

    set: tuple[tuple[str, str], ...]
    add: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeadersPlan:
    """The changes of both directions."""

    request: HeaderChanges
    response: HeaderChanges


def plan(document: Headers) -> HeadersPlan:
    """Sort by name: the order of different headers means nothing."""
    return HeadersPlan(_changes(document.request), _changes(document.response))


def _changes(document: Changes) -> HeaderChanges:
    def pairs(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((name.lower(), value) for name, value in values.items()))

    remove = tuple(sorted(name.lower() for name in document.remove))
    return HeaderChanges(pairs(document.set), pairs(document.add), remove)


def patch_route(plan: HeadersPlan, route: route_v3.Route) -> None:
    """Change the headers on this route."""
    _apply(plan.request, route.request_headers_to_add, route.request_headers_to_remove)
    _apply(plan.response, route.response_headers_to_add, route.response_headers_to_remove)


def _apply(changes: HeaderChanges, to_add: Any, to_remove: Any) -> None:
    to_remove.extend(changes.remove)
    for name, value in changes.set:
        to_add.append(header_option(name, value))
    for name, value in changes.add:
        option = header_option(name, value)
        option.append_action = core_v3.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
        to_add.append(option)


def header_option(name: str, value: str) -> core_v3.HeaderValueOption:
    """Set a header to a plain text: what Envoy would substitute (`%`) is escaped."""
    return core_v3.HeaderValueOption(
        header=core_v3.HeaderValue(key=name, value=value.replace("%", "%%")),
        append_action=core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
        keep_empty_value=True,
    )


KIND = PolicyKind(
    name="headers",
    places=frozenset({Place.ROUTE}),
    docs=__doc__,
    document=Headers,
    plan=plan,
    valid="""\
request: { set: { x-gateway: "100% edge" }, remove: [x-debug] }
response: { add: { vary: origin } }
""",
    invalid="request: { set: { host: other.example.com } }",
    invalid_code="bad-header",
    patch_route=patch_route,
    on_answers=True,
)
