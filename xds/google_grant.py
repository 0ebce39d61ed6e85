"""The exchange of a Google service account's key for an access token: one request, which blocks.

The control plane sends a signed assertion and is given a token (RFC 7523, the JWT bearer grant; see
developers.google.com/identity/protocols/oauth2/service-account). Nothing but the key that a policy
names is used: no application default, no metadata server, no key file of this machine's user.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT: Final = 10.0
"""Seconds that the token server may be silent."""
_LIMIT: Final = 1 << 20
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_TOKEN: Final = re.compile(r"[!-~]+")
_HERE: Final = tuple(("http", host) for host in ("127.0.0.1", "localhost", "::1"))
_AGAIN: Final = (408, 429, 500, 502, 503, 504)
"""Statuses that google-auth would try again after; it would sleep meanwhile, where we look again
by ourselves."""


class NoTokenError(Exception):
    """There is no token; the message says why, and quotes nothing of the key or the token."""


class BadKeyError(NoTokenError):
    """What lies there is no key of a service account: asking again helps nothing."""


def grant_token(key: bytes) -> tuple[str, float]:
    """Ask for a token with a key file's content; give it and how many seconds it lasts.

    Raises:
        BadKeyError: for a key that is none, before anything is asked.
        NoTokenError: where the server is away or refuses.
    """
    import google.auth.exceptions

    credentials = _credentials(key)
    try:
        credentials.refresh(_Request())  # type: ignore[no-untyped-call]  # google-auth has no types
    except NoTokenError:
        raise
    except google.auth.exceptions.GoogleAuthError as error:
        raise NoTokenError(f"the service account is given no token{_code(error)}") from None
    except Exception:  # noqa: BLE001 - an answer that google-auth cannot read ends in any of them
        raise NoTokenError("the token server gives what is no answer") from None
    token, expiry = credentials.token, credentials.expiry
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or expiry is None:
        raise NoTokenError("the token server gives what is no token")
    lasts = (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    if lasts <= 0:
        raise NoTokenError("the token server gives a token that has ended")
    return token, lasts


def _credentials(key: bytes) -> Credentials:
    from google.oauth2 import service_account

    try:
        info = json.loads(key)
    except (ValueError, RecursionError):
        raise BadKeyError("it is no JSON, so no key file of a service account") from None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise BadKeyError("it is no key file of a service account")
    if not _may_be_asked(info.get("token_uri")):
        raise BadKeyError("its `token_uri` is no https URL")
    try:
        made: Credentials = service_account.Credentials.from_service_account_info(
            info, scopes=[SCOPE]
        )  # type: ignore[no-untyped-call]  # google-auth has no types
    except Exception:  # noqa: BLE001 - what is wrong with a key has many names, and may quote it
        raise BadKeyError("it is no key file of a service account") from None
    return made


def _may_be_asked(url: object) -> bool:
    try:
        where = urlsplit(str(url))
        host = where.hostname
    except ValueError:
        return False
    return bool(host) and (where.scheme == "https" or (where.scheme, host) in _HERE)


def _code(error: Exception) -> str:
    """The server's own word for a refusal, such as `invalid_grant`; nothing else it says."""
    for said in error.args:
        code = said.get("error") if isinstance(said, Mapping) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            return f" ({code})"
    return ""


@dataclass(frozen=True, slots=True)
class _Response:
    """What google-auth reads of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token server is the one that the key names, and no other."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nowhere: the redirect itself is the answer."""


class _Request:
    """google-auth's transport over the standard library, with this machine's proxies and roots."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Response:
        try:
            asked = urllib.request.Request(  # noqa: S310 - https, or this machine
                url, data=body, headers=dict(headers or {}), method=method
            )
            with self._opener.open(asked, timeout=timeout or TIMEOUT) as answer:
                return _Response(answer.status, dict(answer.headers), answer.read(_LIMIT))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _AGAIN:
                    raise NoTokenError(f"the token server answers {error.code}") from None
                return _Response(error.code, dict(error.headers), _said(error))
        except (OSError, http.client.HTTPException, ValueError):
            raise NoTokenError("the service account's token server cannot be reached") from None


def _said(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_LIMIT)
    except (OSError, http.client.HTTPException):
        return b""
