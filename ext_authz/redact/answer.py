"""Answers that come as a whole: every string of the body is scanned and restored in its place."""

from __future__ import annotations

from ext_authz.redact.errors import MalformedError, TooMuchError
from ext_authz.redact.flow import Answering, Flow
from ext_authz.redact.json_text import rewritten
from ext_authz.translate.wire import MAX_DEPTH, NotJsonError, decode, decode_lenient, encode


def answered(body: bytes, answering: Answering, most_bytes: int) -> bytes:
    """Return the client's body; the same bytes where nothing in it changes.

    A body that is no JSON, such as a proxy's error page, is one text. Raises `BlockedError` where
    rules block what a model says, and `MalformedError` for bytes that are no text at all.
    """
    if answering.is_idle or not answering.needs(body):
        return body
    if len(body) > most_bytes:
        raise TooMuchError(f"the answer is larger than {most_bytes} bytes")
    try:
        value = decode(body)
    except NotJsonError:
        try:
            value = decode_lenient(body)
        except NotJsonError:
            return _text(body, answering)
        body = encode(value)
    if not isinstance(value, (dict, list)):
        return _text(body, answering)
    try:
        return rewritten(body, answering.rewrite)
    except TooMuchError:
        raise MalformedError(f"the answer is nested deeper than {MAX_DEPTH} levels") from None


def _text(body: bytes, answering: Answering) -> bytes:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        if answering.action is None:
            return body
        raise MalformedError("the answer is neither JSON nor text") from None
    flow = Flow(answering, json=False)
    said = flow.feed(text) + flow.end()
    return body if said == text else said.encode()
