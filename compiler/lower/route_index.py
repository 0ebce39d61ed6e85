"""Find the routes of a long list by the beginning of the path, and not one after the other.

Envoy tries the routes of a virtual host in turn, some 0.08 us each: after 10,000 that is several
times what the whole rest of a request costs. A long list therefore becomes a tree over the
characters of ``:path`` (a prefix map of the virtual host's ``matcher``). Each entry holds, in
their order, all routes that can match a path that begins so; which of them does is still for the
routes themselves to say. So the tree decides nothing: it leaves out what cannot match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.lower.lowered import SIZE_BUDGET
from compiler.route_order import regex_head
from xds.schema import envoy
from xds.wire import decode, pack

matcher_v3 = envoy.type.matcher.v3
route_v3 = envoy.config.route.v3
template_v3 = envoy.extensions.path.match.uri_template.v3

INDEX_FROM = 128
"""Shorter lists stay lists: they are as fast, and easier to read."""
LEAF = 16
"""An entry with fewer routes that go deeper is not divided any more."""
GROWTH = 3
"""A tree that repeats its routes more often than this on average is not worth its size."""


def index_hosts(configuration: route_v3.RouteConfiguration) -> None:
    """Index long lists as far as the configuration can carry: slower is better than refused."""
    room = SIZE_BUDGET - configuration.ByteSize()
    for virtual_host in configuration.virtual_hosts:
        if len(virtual_host.routes) < INDEX_FROM:
            continue
        indexed = route_v3.VirtualHost()
        indexed.CopyFrom(virtual_host)
        index_routes(indexed)
        growth = indexed.ByteSize() - virtual_host.ByteSize()
        if growth <= room:
            virtual_host.CopyFrom(indexed)
            room -= growth


def index_routes(virtual_host: route_v3.VirtualHost) -> None:
    """Turn the virtual host's list into a tree where that pays; the same requests match."""
    routes = list(virtual_host.routes)
    if len(routes) < INDEX_FROM:
        return
    entries = _entries([_head(route.match) for route in routes])
    if entries is None or len(entries) < 2:
        return
    for prefix, members in entries:
        if prefix:
            on_match = virtual_host.matcher.matcher_tree.prefix_match_map.map[prefix]
        else:
            on_match = virtual_host.matcher.on_no_match
        on_match.action.name = "routes"
        listed = route_v3.RouteList(routes=[routes[member] for member in members])
        on_match.action.typed_config.CopyFrom(pack(listed))
    path = virtual_host.matcher.matcher_tree.input
    path.name = "path"
    header = matcher_v3.HttpRequestHeaderMatchInput(header_name=":path")
    path.typed_config.CopyFrom(pack(header))
    del virtual_host.routes[:]


def route_lists(virtual_host: route_v3.VirtualHost) -> Iterator[Sequence[route_v3.Route]]:
    """Give each list of routes that Envoy may have to go through for one request."""
    if not virtual_host.HasField("matcher"):
        yield virtual_host.routes
        return
    matches = list(virtual_host.matcher.matcher_tree.prefix_match_map.map.values())
    if virtual_host.matcher.HasField("on_no_match"):
        matches.append(virtual_host.matcher.on_no_match)
    for on_match in matches:
        yield decode(route_v3.RouteList, on_match.action.typed_config.value).routes


def _head(match: route_v3.RouteMatch) -> str:
    """The text with which every path begins that the route matches."""
    kind = match.WhichOneof("path_specifier")
    if kind == "safe_regex":
        return regex_head(match.safe_regex.regex)
    if kind == "path_match_policy":
        packed = match.path_match_policy.typed_config.value
        template = decode(template_v3.UriTemplateMatchConfig, packed)
        return template.path_template.partition("{")[0].partition("*")[0]
    if kind in ("path", "prefix", "path_separated_prefix"):
        text: str = getattr(match, kind)
        return text
    return ""


def _entries(heads: Sequence[str]) -> list[tuple[str, list[int]]] | None:
    """Give (beginning, indexes of routes) pairs of which the longest that fits is right.

    None where the pairs would repeat the routes too often.
    """
    limit = GROWTH * len(heads)
    found: list[tuple[str, list[int]]] = []
    size = 0
    # Each node: its beginning, the routes that may match below it, and what is found without it.
    nodes: list[tuple[str, list[int], list[int]]] = [("", list(range(len(heads))), [])]
    while nodes:
        prefix, members, above = nodes.pop()
        deeper = [m for m in members if len(heads[m]) > len(prefix)]
        if len(deeper) <= LEAF:
            here, deeper = members, []
        else:
            here = [m for m in members if len(heads[m]) <= len(prefix)]
        if here != above:
            found.append((prefix, here))
            size += len(here)
            if size > limit:
                return None
        for child, below in _divided(prefix, deeper, heads).items():
            # Order is by index: what stays at any depth keeps its place among what goes deeper.
            nodes.append((child, sorted((*here, *below)), here))
    return found


def _divided(prefix: str, deeper: list[int], heads: Sequence[str]) -> dict[str, list[int]]:
    """Divide routes by the next character of their heads, as far on as they agree."""
    by_character: dict[str, list[int]] = {}
    for member in deeper:
        by_character.setdefault(heads[member][len(prefix)], []).append(member)
    return {_common([heads[m] for m in group]): group for group in by_character.values()}


def _common(texts: Sequence[str]) -> str:
    """What texts begin with, all of them: what the first and the last in their order agree on."""
    first, last = min(texts), max(texts)
    for place, character in enumerate(first):
        if character != last[place]:
            return first[:place]
    return first
