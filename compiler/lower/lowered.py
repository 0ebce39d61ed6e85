"""What lowering gives: Envoy's resources, the secrets they name, and the line that made each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.source import Span
from policies.secret import SecretRef
from xds.resource import Resource

SIZE_BUDGET = 4 * 1024 * 1024 - 16 * 1024
"""What one resource may weigh: gRPC's usual limit, less the response that it is wrapped in."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """All that a control plane serves, before it is encoded.

    ``resources`` are listeners, route configurations, clusters, endpoints (ClusterLoadAssignment)
    and the runtime, sorted by type and name. ``secrets`` are served over SDS by
    ``ref.name`` and resolved by nobody but the control plane. ``origins`` maps (type URL, name) to
    the place in the policy that made the resource, so that a NACK can be shown there; the virtual
    hosts of a route table in parts (`xds.shards`) have theirs too.
    """

    resources: tuple[Resource, ...]
    secrets: tuple[SecretRef, ...]
    origins: Mapping[tuple[str, str], Span]
