"""Checks the signature of a request as AWS does (Signature Version 4).

Source: "Create a signed AWS API request" of the AWS documentation, for a service other than S3:
the path is encoded once more than it was sent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote

from simulator.config import AwsKeys
from simulator.message import Request

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SKEW: Final = 15 * 60
_PART: Final = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_INVALID: Final = "The security token included in the request is invalid."
_SCOPE: Final = "Credential should be scoped to correct service: '{}' and region."
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)


def refusal(request: Request, keys: AwsKeys | None, service: str) -> tuple[str, str] | None:
    """None for a request that `keys` have signed, else the AWS error's type and message.

    Without keys any signature will do that has the shape of one for this service.
    """
    given = (request.header(b"authorization") or b"").decode("latin-1")
    parts = dict(_PART.findall(given))
    scope = parts.get("Credential", "").split("/")
    signed = parts.get("SignedHeaders", "").split(";")
    if len(parts) != 3 or len(scope) != 5 or "host" not in signed or "x-amz-date" not in signed:
        return (
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'.",
        )
    access_key, date, region, named, ending = scope
    if keys is None:
        well = named == service and ending == "aws4_request"
        return None if well else ("InvalidSignatureException", _SCOPE.format(service))
    token = request.header(b"x-amz-security-token")
    wanted = None if keys.session_token is None else keys.session_token.encode()
    if access_key != keys.access_key or token != wanted:
        return "UnrecognizedClientException", _INVALID
    if named != service or ending != "aws4_request" or region != (keys.region or region):
        return "InvalidSignatureException", _SCOPE.format(service)
    moment = (request.header(b"x-amz-date") or b"").decode("latin-1")
    if not _is_now(moment) or not moment.startswith(date):
        return "InvalidSignatureException", f"Signature expired: {moment} is not now."
    sent_hash = request.header(b"x-amz-content-sha256")
    body_hash = hashlib.sha256(request.body).hexdigest()
    if sent_hash is not None and sent_hash.decode("latin-1") != body_hash:
        return "InvalidSignatureException", "The body is not the one that was signed."
    canonical = _canonical(request, signed, body_hash)
    text = "\n".join((ALGORITHM, moment, "/".join(scope[1:]), _hash(canonical)))
    key = b"AWS4" + keys.secret_key.encode()
    for step in (*scope[1:], text):
        key = hmac.digest(key, step.encode(), "sha256")
    if hmac.compare_digest(key.hex(), parts["Signature"]):
        return None
    return "InvalidSignatureException", _MISMATCH


def _is_now(moment: str) -> bool:
    try:
        at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(at.timestamp() - time.time()) <= _SKEW


def _canonical(request: Request, signed: list[str], body_hash: str) -> str:
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(request.query, keep_blank_values=True)
    )
    headers = [f"{name}:{_value(request, name.encode())}\n" for name in signed]
    return "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            "".join(headers),
            ";".join(signed),
            body_hash,
        )
    )


def _value(request: Request, name: bytes) -> str:
    values = [value for key, value in request.headers if key.lower() == name]
    return ",".join(" ".join(value.decode("latin-1").split()) for value in values)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1")).hexdigest()
