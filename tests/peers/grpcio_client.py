"""Calls METHOD of an `xds:///` target with grpcio, once for each line on stdin, and writes answers.

A process of its own: gRPC reads its bootstrap once in a process's life.
"""

from __future__ import annotations

import sys

import grpc


def main(target: str, method: str) -> None:
    with grpc.insecure_channel(f"xds:///{target}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        for _ in sys.stdin:
            try:
                answer = call(b"", timeout=10).decode()
            except grpc.RpcError as error:
                answer = f"{error.code().name} {error.details()}"
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
