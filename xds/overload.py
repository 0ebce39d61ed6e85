"""What keeps an Envoy alive when more comes than it can hold: caps on connections and memory.

Source: Envoy's "Overload manager" page. Without the first cap Envoy takes connections until it has
no file descriptors left, and says so at every start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xds.schema import envoy
from xds.wire import pack

overload_v3 = envoy.config.overload.v3
connections_v3 = envoy.extensions.resource_monitors.downstream_connections.v3
heap_v3 = envoy.extensions.resource_monitors.fixed_heap.v3

CONNECTIONS: Final = 50_000
"""Client connections of one Envoy, where nobody says otherwise."""

_HEAP: Final = "envoy.resource_monitors.fixed_heap"
_CONNECTIONS: Final = "envoy.resource_monitors.global_downstream_max_connections"
_STEPS: Final = (
    # Give back what is free, then take no new work; what is under way goes on.
    ("envoy.overload_actions.shrink_heap", 0.90),
    ("envoy.overload_actions.disable_http_keepalive", 0.92),
    ("envoy.overload_actions.stop_accepting_requests", 0.95),
    ("envoy.overload_actions.stop_accepting_connections", 0.98),
)
"""Which share of the heap brings which action."""


@dataclass(frozen=True, slots=True)
class Overload:
    """``connections`` is a count; ``heap`` is in bytes, and None leaves memory to the machine."""

    connections: int = CONNECTIONS
    heap: int | None = None


DEFAULT: Final = Overload()
"""What a bootstrap has where nobody says otherwise."""


def overload_manager(limits: Overload) -> overload_v3.OverloadManager:
    """Make the overload manager of a bootstrap."""
    manager = overload_v3.OverloadManager()
    manager.refresh_interval.FromMilliseconds(250)
    monitor = manager.resource_monitors.add(name=_CONNECTIONS)
    monitor.typed_config.CopyFrom(
        pack(
            connections_v3.DownstreamConnectionsConfig(
                max_active_downstream_connections=limits.connections
            )
        )
    )
    if limits.heap is not None:
        monitor = manager.resource_monitors.add(name=_HEAP)
        monitor.typed_config.CopyFrom(
            pack(heap_v3.FixedHeapConfig(max_heap_size_bytes=limits.heap))
        )
        for action, share in _STEPS:
            trigger = manager.actions.add(name=action).triggers.add(name=_HEAP)
            trigger.threshold.value = share
    return manager
