"""One case asked of a rehearsing gateway: what its upstreams are to do, the request, the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.rehearsal import SERVICES, Rehearsal

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from compiler.decide.request import Request
    from compiler.decide.trace import Trace
    from compiler.expectations.case import Case
    from compiler.schema.given import AnswerDocument

_OUTCOMES: Final = {
    "connect_failure": "reset",
    "timeout": "slow",
    "stall": "slow_first_token",
    "cut": "cut:0",
    "cut_later": "cut:2",
    "in_band": "error_in_band",
    "context_exceeded": "context_length_exceeded",
    "content_filter": "content_filter",
}
"""What a simulator is asked to do for each fault."""
_LONGEST: Final = 30.0
"""Seconds for an answer."""


def scenarios(case: Case, trace: Trace) -> dict[str, list[str]]:
    """Give what each simulated provider is to do; all services are one."""
    found: dict[str, list[str]] = {}
    providers = {one.target.partition("/")[0] for one in trace.attempts}
    for name, answers in (case.given.model_extra or {}).items():
        provider = name.partition("/")[0]
        outcomes = [_outcome(answer) for answer in answers]
        if provider in providers:
            found[provider] = outcomes
        elif trace.sent and name == trace.sent[-1].to:
            found[SERVICES] = outcomes
    return found


def _outcome(answer: AnswerDocument) -> str:
    if answer.fault is not None:
        return _OUTCOMES[answer.fault]
    if answer.status == 200:
        return "ok"
    wait = "" if answer.retry_after is None else f":retry_after={answer.retry_after}"
    return f"{answer.status}{wait}"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of Envoy's; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class UnwritableError(Exception):
    """The request is none that HTTP has a way to write."""


def ask(running: Rehearsal, request: Request, listener: str) -> Answered:
    """Send a request as it is written, with a credential in place of who asks.

    Raises:
        UnwritableError: it cannot be written.
        EOFError: what comes is no answer.
    """
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection("127.0.0.1", running.ports[listener], timeout=_LONGEST)
    try:
        try:
            _write(connection, running, request)
        except (HTTPException, ValueError) as error:
            raise UnwritableError from error
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answered(response.status, headers, _body(response))
    except HTTPException as error:
        raise EOFError from error
    finally:
        connection.close()


def _write(connection: HTTPConnection, running: Rehearsal, request: Request) -> None:
    """Write the line and the headers; nothing is sent yet."""
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    connection.putheader("host", request.host)
    for name, value in request.headers:
        connection.putheader(name, value)
    if request.key:
        connection.putheader("authorization", f"Bearer {running.keys[request.key]}")
    elif request.issuer:
        token = running.token(request.issuer, request.claims)
        connection.putheader("authorization", f"Bearer {token}")
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("content-length", str(len(request.body)))


def _body(response: Any) -> bytes:
    """Read what comes; an answer that breaks off in the middle is one too."""
    from http.client import IncompleteRead

    try:
        whole: bytes = response.read()
    except IncompleteRead as error:
        whole = error.partial
    except OSError:
        whole = b""
    return whole


def code_of(body: bytes) -> str | None:
    """Find the word for a refusal, in the schema of whichever API it is of."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    error = told.get("error")
    if not isinstance(error, dict):
        found = told.get("code")
    else:
        found = error.get("type") if told.get("type") == "error" else error.get("code")
    return found if isinstance(found, str) else None
