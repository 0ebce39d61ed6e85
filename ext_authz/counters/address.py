"""The URL of a Redis or Valkey, as the `redis` package reads it, into an address.

``redis://[[user]:password@]host[:port][/database]``, ``rediss://`` for TLS with the options
``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile`` and ``ssl_cert_reqs=none``, and
``unix://path``. A URL is a secret: no error repeats any of it.
"""

from __future__ import annotations

import ssl
from typing import Any

from ext_authz.counters.line import Address


def address_of(url: str) -> Address:
    """Read a URL; raises ValueError, and OSError where a certificate's file cannot be read."""
    from redis.asyncio.connection import parse_url

    try:
        options: dict[str, Any] = dict(parse_url(url))
        database = int(options.get("db", 0))
        port = int(options.get("port", 6379))
    except ValueError:
        raise ValueError("not the URL of a Redis or Valkey (redis://HOST:PORT/DATABASE)") from None
    return Address(
        host=options.get("host") or "localhost",
        port=port,
        path=options.get("path", ""),
        database=database,
        user=options.get("username") or "",
        password=options.get("password") or "",
        tls=_tls(options) if url.startswith("rediss:") else None,
    )


def _tls(options: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if str(options.get("ssl_cert_reqs", "")).lower() in ("none", "cert_none"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    return context
