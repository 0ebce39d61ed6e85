"""Runtime keys: Envoy's feature switches are on or off, and some are read only once."""

from __future__ import annotations

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument

_SWITCHES = ("envoy.reloadable_features.", "envoy.restart_features.")


def link_runtime(document: GatewayDocument, findings: Findings) -> None:
    """Check the keys that Envoy itself gives a meaning."""
    for key, value in document.runtime.items():
        if key.startswith(_SWITCHES) and not isinstance(value, bool):
            findings.error(
                "runtime-switch",
                f"`{key}` is a switch of Envoy's, which is on or off",
                ("runtime", key),
                hint="write `true` or `false`",
            )
        elif key.startswith("envoy.restart_features."):
            findings.warning(
                "runtime-too-late",
                f"Envoy reads `{key}` once, before it asks for any configuration",
                ("runtime", key),
                hint="set it in the bootstrap, under `layered_runtime`",
            )
