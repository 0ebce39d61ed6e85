"""What of a snapshot a stream is shown, by what its client can take.

Three things differ. A large route table is shown whole or in parts (`xds.shards`). TTLs are shown
to those who know them (`xds.lease`). And the runtime
layer is always there, an empty one where the policy sets nothing: an Envoy that asked for it waits
for an answer, and there is no other way to tell a SotW client that all keys are gone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from xds.order import ROUTE, RUNTIME, VIRTUAL_HOST
from xds.resource import resource
from xds.runtime_layer import RUNTIME_LAYER
from xds.schema import envoy, google
from xds.shards import is_in_parts, shell
from xds.snapshot import Encoded, Resources, Snapshot, collect, encoded, lasting
from xds.wire import decode

_runtime = encoded(resource(envoy.service.runtime.v3.Runtime(name=RUNTIME_LAYER)))
_NO_RUNTIME: Final = collect({_runtime.name: _runtime})

_SHELLS: Final[OrderedDict[str, Resources]] = OrderedDict()
"""Route tables without their virtual hosts, by the version of the set; shared by all streams."""
_KEPT: Final = 64


def shown(view: Snapshot, *, in_parts: bool, expiring: bool = True) -> Snapshot:
    """Give the snapshot as a stream is to see it; the version stays that of the whole."""
    types = dict(view.types)
    types.setdefault(RUNTIME, _NO_RUNTIME)
    if not in_parts:
        types.pop(VIRTUAL_HOST, None)
    elif VIRTUAL_HOST in types:
        types[ROUTE] = _shells(types[ROUTE])
    if not expiring:
        types = {url: lasting(one) for url, one in types.items()}
    return Snapshot(types, view.version)


def _shells(tables: Resources) -> Resources:
    made = _SHELLS.get(tables.version)
    if made is None:
        named = {
            name: _shell(one) if is_in_parts(name) else one for name, one in tables.by_name.items()
        }
        made = _SHELLS[tables.version] = collect(named)
        while len(_SHELLS) > _KEPT:
            _SHELLS.popitem(last=False)
    return made


def _shell(whole: Encoded) -> Encoded:
    packed = google.protobuf.Any.FromString(whole.body)
    table = decode(envoy.config.route.v3.RouteConfiguration, packed.value)
    return encoded(resource(shell(table)))
