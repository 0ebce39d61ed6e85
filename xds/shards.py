"""Large route tables by virtual host, for those Envoys that take them so.

A route table is one resource: one changed route sends all of them. By VHDS its virtual hosts are
resources of their own, named ``<route table>/<host>``, and a changed route costs its host. A table
that may be taken apart bears a name that ends with ``@hosts``, and so do its virtual hosts' names
begin. A snapshot holds it both ways, whole and in parts; which of them a stream is shown depends
on its protocol (VHDS is delta only) and on its Envoy.

The name tells, and not the size, because a table can only be changed from one form to the other
under another name: Envoy drops the virtual hosts of a table before it has asked for them by VHDS.
Under a new name the listener warms up with the new table first.

Source: "Virtual Host Discovery Service" of Envoy's docs; envoy/config/route/v3/route.proto.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from xds.order import VIRTUAL_HOST
from xds.resource import Resource
from xds.schema import envoy

route_v3 = envoy.config.route.v3

_PUSHED: Final = "@hosts"
_ON_DEMAND: Final = "@on-demand"
_SINCE: Final = (1, 40)
"""The first Envoy that is known to do VHDS over ADS; 1.36 refuses the whole table."""

_GROUPED: Final[OrderedDict[str, Mapping[str, frozenset[str]]]] = OrderedDict()
"""What `by_table` found, by the version of the set; all streams ask for the same few."""
_KEPT: Final = 64


def table_in_parts(name: str, *, on_demand: bool = False) -> str:
    """Name a route table that may be taken apart; ``on_demand``: see `xds.on_demand`."""
    return name + (_ON_DEMAND if on_demand else _PUSHED)


def part_name(table: str, host: str) -> str:
    """Name a virtual host of such a table, as a resource and in the table."""
    return f"{table}/{host}"


def table_of(part: str) -> str:
    """Give the name of the table that a virtual host belongs to; "" where it is no part."""
    table, slash, _ = part.partition("/")
    return table if slash and is_in_parts(table) else ""


def is_in_parts(table: str) -> bool:
    """Tell whether a route table may be taken apart."""
    return table.endswith((_PUSHED, _ON_DEMAND))


def is_on_demand(table: str) -> bool:
    """Tell whether a table's virtual hosts are sent to those only that ask for them."""
    return table.endswith(_ON_DEMAND)


def parts(tables: Iterable[Resource]) -> Iterator[Resource]:
    """Give the virtual hosts of those resources that are route tables in parts."""
    for one in tables:
        if isinstance(one.message, route_v3.RouteConfiguration) and is_in_parts(one.name):
            for host in one.message.virtual_hosts:
                yield Resource(VIRTUAL_HOST, host.name, host)


def shell(whole: Any) -> Any:
    """Make the table that is left without its virtual hosts, and asks for them."""
    made = route_v3.RouteConfiguration()
    # Field by field: copying the virtual hosts only to drop them is most of the work.
    for field, value in whole.ListFields():
        if field.name == "virtual_hosts":
            continue
        if field.is_repeated:
            getattr(made, field.name).extend(value)
        elif field.type == field.TYPE_MESSAGE:
            getattr(made, field.name).CopyFrom(value)
        else:
            setattr(made, field.name, value)
    made.vhds.config_source.ads.SetInParent()
    made.vhds.config_source.resource_api_version = envoy.config.core.v3.V3
    return made


def by_table(version: str, names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Group the virtual hosts of a set by their tables; ``version`` is that of the set."""
    found = _GROUPED.get(version)
    if found is None:
        grouped: dict[str, set[str]] = {}
        for name in names:
            grouped.setdefault(table_of(name), set()).add(name)
        found = _GROUPED[version] = {
            table: frozenset(members) for table, members in grouped.items()
        }
        while len(_GROUPED) > _KEPT:
            _GROUPED.popitem(last=False)
    return found


def takes_parts(node: Any) -> bool:
    """Tell whether a client (its Node) does VHDS on its ADS stream."""
    version = node.user_agent_build_version.version
    return node.user_agent_name == "envoy" and (
        (version.major_number, version.minor_number) >= _SINCE
    )
