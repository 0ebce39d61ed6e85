"""A plain HTTP service that answers with what it saw: the upstream of REST routes.

Any method and path: the body is JSON with `service`, `method`, `host`, `path`, `query`,
`version`, `headers` (pairs, in wire order) and `body` (text; `body_base64` when it is no UTF-8).
"""

from __future__ import annotations

import base64
from typing import Any

from simulator.formats.base import Call, Format
from simulator.message import Answer, Headers, encode_json, json_answer


def authenticate(_call: Call) -> Answer | None:
    """No credential is asked for."""
    return None


def respond(call: Call) -> Answer:
    """Say what came."""
    request = call.request
    value: dict[str, Any] = {
        "service": call.provider.name,
        "method": request.method,
        "host": (request.header(b"host") or b"").decode("latin-1"),
        "path": call.path,
        "query": request.query,
        "version": request.version,
        "headers": [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers
        ],
    }
    if call.text is not None:
        value["text"] = call.text
    try:
        value["body"] = request.body.decode()
    except UnicodeDecodeError:
        value["body_base64"] = base64.b64encode(request.body).decode()
    if call.outcome.size:
        value["padding"] = "x" * call.outcome.size
    return json_answer(200, value, ((b"x-simulated-by", call.provider.name.encode()),))


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """A plain JSON error."""
    body = {"service": call.provider.name, "error": code or message or f"status {status}"}
    headers: Headers = ((b"x-simulated-by", call.provider.name.encode()),)
    if call.outcome.retry_after is not None:
        headers += ((b"retry-after", b"%d" % call.outcome.retry_after),)
    return json_answer(status, body, headers)


def error_event(_call: Call, code: str, _sent: int) -> bytes:
    """The same inside a body."""
    return encode_json({"error": code or "error"})


ECHO = Format("echo", "", authenticate, respond, error, error_event, repeats=False)
