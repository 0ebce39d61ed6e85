"""Asks a control plane's CSDS with gRPC's own stubs, and gRPC for what it has itself.

Runs alone, on packages in the folder that is its first argument: grpcio-csds brings modules named
`envoy` and `xds`, which no other program shares. Calls METHOD of an `xds:///` target, so that this
process is a client of the control plane; then writes both views as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

sys.path.insert(0, sys.argv[1])

import grpc
import grpc_csds  # type: ignore[import-not-found]  # from the folder that was named
from envoy.service.status.v3 import (  # type: ignore[import-untyped]  # as above
    csds_pb2,
    csds_pb2_grpc,
)


def main(target: str, method: str, control_plane: str) -> None:
    with grpc.insecure_channel(f"xds:///{target}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        answer = call(b"", timeout=20).decode()
        mine = grpc_csds.ClientStatusDiscoveryServiceServicer.FetchClientStatus(None, None)
        with grpc.insecure_channel(control_plane) as asked:
            stub = csds_pb2_grpc.ClientStatusDiscoveryServiceStub(asked)
            request = csds_pb2.ClientStatusRequest()
            fetched = stub.FetchClientStatus(request, timeout=10)
            [streamed] = stub.StreamClientStatus(iter([request]), timeout=10)
        sys.stdout.write(
            json.dumps(
                {
                    "answer": answer,
                    "client": _rows(mine),
                    "server": _rows(fetched),
                    "streamed": _rows(streamed),
                }
            )
        )


def _rows(response: Any) -> list[list[object]]:
    """Type, name, version and the two states of each resource."""
    return sorted(
        [one.type_url, one.name, one.version_info, one.config_status, one.client_status]
        for config in response.config
        for one in config.generic_xds_configs
    )


if __name__ == "__main__":
    main(*sys.argv[2:])
