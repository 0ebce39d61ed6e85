"""The way out of one request: trimmed, redacted, translated, signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ext_authz.admission.estimate import estimate
from ext_authz.process import messages
from ext_authz.process.headers import telling
from ext_authz.process.messages import Side
from ext_authz.process.processor import NotReadyError, Place, Processor, Secret
from ext_authz.process.redacting import Redacted, redact
from ext_authz.process.sigv4 import Credentials, sign
from ext_authz.process.untouched import OPERATIONS, pass_untouched
from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.counting import counted
from ext_authz.translate.errors import RefusedError
from ext_authz.translate.exchange import Exchange
from ext_authz.translate.translator import translate
from ext_authz.translate.trimming import Trimmed, trimmed
from ext_authz.translate.upstream import Upstream as Sent
from ext_authz.translate.wire import NotJsonError, decode_object
from xds.edge.pairs import ClientApi, Way, pair
from xds.edge.processing import Aws, Operation

CHATS: Final = frozenset(
    (ClientApi.CHAT, ClientApi.COMPLETIONS, ClientApi.RESPONSES, ClientApi.MESSAGES)
)
"""Operations whose answers hold a model's words."""
_COUNTS: Final = (ClientApi.COUNT_TOKENS, ClientApi.INPUT_TOKENS)
_OURS: Final = frozenset(
    (
        # Of one connection, or of a body that is not sent as it came.
        "connection",
        "content-digest",
        "content-encoding",
        "content-md5",
        "digest",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        # The client's credentials: Envoy puts the provider's own in behind us.
        "api-key",
        "authorization",
        "cookie",
        "x-api-key",
        "x-goog-api-key",
    )
)
_OURS_BEGIN: Final = "x-amz-"
_SIGNED: Final = ("content-type",)
"""Headers that are signed, beside the host: others may be changed on the way."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request on its way: what Envoy is told, and what waits for the answer.

    ``same`` tells that the answer comes in the client's own API.
    """

    answers: list[bytes]
    exchange: Exchange
    redacted: Redacted
    same: bool


def local_count(client: ClientApi, place: Place, body: bytes) -> bytes | None:
    """Count tokens here where the provider cannot; None where it can, or nothing is counted.

    Raises `RefusedError` for what is no request.
    """
    if client not in _COUNTS or pair(client, place.upstream.provider) is not None:
        return None
    try:
        decode_object(body)
    except NotJsonError as error:
        raise RefusedError(f"The body is not the JSON of a request: {error}") from None
    return counted(client, estimate(body, len(body), 0, "").input)


def outgoing(
    processor: Processor,
    place: Place,
    operation: Operation,
    tenant: str,
    headers: Mapping[str, str],
    body: bytes,
    moment: Moment,
    *,
    trailers: bool = False,
) -> Outgoing:
    """Make a request a provider's; ``trailers`` tells that some come behind the body.

    Raises RefusedError, RedactionError, NotReadyError.
    """
    client = operation.client
    redactors = processor.redactors_for(operation, place.upstream, tenant)
    fitting = _fitting(operation, place.upstream.window, body)
    redacted = redact(redactors, fitting.body) if redactors else Redacted(fitting.body)
    hidden = telling(headers, redactors) if redactors else frozenset()
    shown = {name: headers[name] for name in headers.keys() - hidden} if hidden else headers
    found = pair(client, place.upstream.provider)
    same = found is not None and found.way is Way.SAME
    if client in OPERATIONS:
        exchange = pass_untouched(client, place.target, redacted.body, moment)
    else:
        steps = () if same or client not in CHATS else redacted.steps()
        exchange = translate(client, place.target, redacted.body, shown, moment, steps=steps)
    sent = exchange.upstream
    to_set = [
        (":path", sent.path),
        (":authority", place.upstream.authority),
        ("content-length", str(len(sent.body))),
        *sent.headers,
    ]
    if (aws := place.upstream.aws) is not None:
        method, authority = headers.get(":method", "POST"), place.upstream.authority
        to_set += _signed(processor.secret, aws, method, authority, sent, moment.now)
    given = {name for name, _ in to_set}
    to_remove = [
        name
        for name in headers
        if (name in _OURS or name in sent.without or name in hidden or name.startswith(_OURS_BEGIN))
        and name not in given
    ]
    told: dict[str, Any] = {}
    if fitting.dropped:
        told["trimmed"] = fitting.dropped
    if redacted.sessions and (record := redacted.record()):
        told["redacted"] = record
    if sent.dropped:
        told["dropped"] = list(sent.dropped)
    try:
        head = messages.head(Side.REQUEST, to_set, to_remove)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    answers = [
        messages.with_metadata(head, told),
        messages.body(Side.REQUEST, sent.body, end=not trailers),
    ]
    return Outgoing(answers, exchange, redacted, same)


def _fitting(operation: Operation, window: int, body: bytes) -> Trimmed:
    """Drop the oldest turns where the policy has it so and a model's window is too small."""
    if not operation.trim or not window:
        return Trimmed(body)
    output = estimate(body, len(body), operation.output, "").output
    return trimmed(operation.client, body, window, output, _input)


def _input(body: bytes) -> int:
    return estimate(body, len(body), 0, "").input


def _signed(
    secret: Secret, aws: Aws, method: str, authority: str, sent: Sent, now: float
) -> tuple[tuple[str, str], ...]:
    """Give the headers that tell AWS who asks, by the keys as they are now."""
    access_key, secret_key = secret(aws.access_key), secret(aws.secret_key)
    session_token = secret(aws.session_token) if aws.session_token else ""
    if not access_key or not secret_key or session_token is None:
        raise NotReadyError("the keys for AWS are not known yet")
    credentials = Credentials(access_key.strip(), secret_key.strip(), session_token.strip())
    signed = [("host", authority), *[one for one in sent.headers if one[0] in _SIGNED]]
    return sign(credentials, aws.region, aws.service, method, sent.path, signed, sent.body, now)
