"""Where an Envoy and the services beside it meet: the names in the edge's folder.

The folder is the policy's `edge.folder`; a relative one is relative to the working directory of
the Envoy, and of the services.
"""

from __future__ import annotations

from typing import Final

CLUSTER: Final = "gatewright/edge"
"""The Envoy cluster whose endpoints are the workers' sockets."""

USAGE_LOG: Final = "usage.log"
"""The file that Envoy writes a line to for each request, and the ledger is made from."""


def worker_socket(number: int) -> str:
    """The name of the Unix socket on which worker ``number`` (from 0) serves gRPC."""
    return f"worker-{number}.sock"
