"""The name of the runtime layer that a policy sets: in the bootstrap, and as a resource of RTDS."""

from __future__ import annotations

from typing import Final

RUNTIME_LAYER: Final = "gatewright"
"""The RTDS layer's ``name`` in the bootstrap, and the Runtime resource's."""
