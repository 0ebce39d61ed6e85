"""Tells a process' metrics over HTTP on this machine, as Prometheus reads them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server

_log = logging.getLogger("gatewright.edge")


def tell_metrics(registry: CollectorRegistry, port: int) -> Callable[[], None] | None:
    """Serve a registry on 127.0.0.1 at a port (0: not at all); give what ends it."""
    if not port:
        return None
    try:
        server, thread = start_http_server(port, "127.0.0.1", registry)
    except OSError as error:
        _log.warning("no metrics on port %d: %s", port, error.strerror)
        return None

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
