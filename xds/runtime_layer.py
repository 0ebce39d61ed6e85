"""Runtime layers: the static one that each Envoy starts with, and the one that policies set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RUNTIME_LAYER: Final = "gatewright"
"""The RTDS layer's ``name`` in the bootstrap, and the Runtime resource's."""

BASE_LAYER: Final = "gatewright.base"
"""The static layer below it, which any policy or operator overrides."""

BASE: Final[Mapping[str, int | bool]] = {
    # Envoy refuses a regular expression whose program is longer than 100 instructions, and with it
    # all routes of the listener; `[a-z0-9-]{1,63}` alone has more. RE2 is linear in this size.
    "re2.max_program_size.error_level": 4096,
    # An ext_proc that stands in a cluster ends Envoy (1.40) with a segmentation fault whenever the
    # stream to the edge has more to send than it may hold: 64 KiB while it is being connected. It
    # would hold back the provider, to which there is no connection yet.
    "envoy.reloadable_features.grpc_side_stream_flow_control": False,
}
"""What every Envoy of ours needs, though its own defaults say otherwise."""
