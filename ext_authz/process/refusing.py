"""What the edge answers in a provider's place, in the client's own schema."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ext_authz.process.messages import replied, with_metadata
from ext_authz.process.triggers import trigger_of
from ext_authz.translate.clients.writer import JSON_HEADERS, Moment
from ext_authz.translate.errors import Failure
from ext_authz.translate.translator import refusal
from xds.edge.attempt import REPLIED, RETRY
from xds.edge.pairs import ClientApi

COMPRESSED: Final = Failure(
    "invalid", "Compressed bodies are not read here; send the body as it is", 415
)
UNAVAILABLE: Final = Failure(
    "overloaded",
    "This request cannot be processed at the moment; nothing is wrong with it",
    503,
    "unavailable",
)
FAULT: Final = Failure("server", "The gateway could not process this request", 500)


def too_large(most: int) -> Failure:
    """A body of more bytes than are read."""
    return Failure("too_large", f"The body is larger than {most} bytes", 413)


def refused(client: ClientApi, failure: Failure, moment: Moment, on: Collection[str] = ()) -> bytes:
    """Answer with a failure; the access log is told which.

    A chain that goes ``on`` for it is told to: another target may have a larger window.
    """
    head, body = refusal(client, failure, moment)
    trigger = trigger_of(failure, on)
    headers = (*head.headers, (RETRY, trigger)) if trigger else head.headers
    answer = replied(head.status, headers, body, REPLIED)
    return with_metadata(answer, {"failure": failure.kind})


def answered(body: bytes) -> bytes:
    """Answer with what was asked for."""
    return replied(200, JSON_HEADERS, body, REPLIED)


def guessed(path: str) -> ClientApi:
    """Guess what a client speaks whose route is not known, so that it can be told so."""
    said = path.partition("?")[0].rstrip("/")
    if said.endswith(("/messages", "/messages/count_tokens")):
        return ClientApi.MESSAGES
    return ClientApi.CHAT
