"""AWS Signature Version 4, for requests whose body is whole: what tells AWS who asks.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. The path
is given as it is sent, percent-encoded once; for all services but S3 the signature is over the path
encoded once more.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED_PATH: Final = "/-_.~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of an account; a repr shows none of them. ``session_token`` may be empty."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def sign(
    credentials: Credentials,
    region: str,
    service: str,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    now: float,
) -> tuple[tuple[str, str], ...]:
    """Give the headers to set.

    ``target`` is the path with its query as sent, ``headers`` are those that are signed (names in
    lower case, ``host`` among them), ``now`` is in seconds since 1970.
    """
    stamp = _stamp(int(now))
    day = stamp[:8]
    added = [("x-amz-date", stamp)]
    if credentials.session_token:
        added.append(("x-amz-security-token", credentials.session_token))
    signed = sorted([*headers, *added])
    names = ";".join([name for name, _ in signed])
    path, _, query = target.partition("?")
    canonical = "\n".join(
        (
            method,
            _encoded(path),
            _query(query),
            *[f"{name}:{' '.join(value.split())}" for name, value in signed],
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    key = _signing_key(credentials.secret_key, day, region, service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    given = f"{ALGORITHM} Credential={credentials.access_key}/{scope}"
    return (
        *added,
        ("authorization", f"{given}, SignedHeaders={names}, Signature={signature}"),
    )


def _query(query: str) -> str:
    """Sort the parameters, which are encoded already, by name and then by value."""
    if not query:
        return ""
    pairs = [part.partition("=") for part in query.split("&")]
    return "&".join([f"{name}={value}" for name, _, value in sorted(pairs)])


@lru_cache(maxsize=4)
def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=1024)
def _encoded(path: str) -> str:
    """Encode a path once more. Paths are those of a policy's models, so they come again."""
    return quote(path, safe=_UNRESERVED_PATH)


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Derive the key of a day: four digests that are the same for all of its requests."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
