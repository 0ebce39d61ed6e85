"""Access tokens of Google service accounts: made from the key file, and renewed in time.

The control plane exchanges a signed assertion for a token (RFC 7523, the JWT bearer grant; see
cloud.google.com/iam/docs/create-short-lived-credentials) and serves the token as a secret. Neither
Envoys nor edges ever have the private key. It blocks on the network, so it is called in a thread.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials

_log = logging.getLogger("gatewright.xds")

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT: Final = 10.0
"""Seconds that one request for a token may take."""
RENEWED_AT: Final = 0.75
"""The part of its life at which a token is renewed."""
AHEAD: Final = 300.0
"""Seconds before its end at which it is renewed at the latest."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class NoTokenError(Exception):
    """There is no token; the message says why, and quotes nothing of the key or the token."""


@dataclass(slots=True)
class _Held:
    """The token of one key: ``due`` is when it is to be asked for again."""

    token: str = ""
    ends: float = 0.0
    due: float = 0.0
    wait: float = _FIRST_WAIT
    why: str = ""


class GoogleTokens:
    """Keeps a token for each key that is asked for; ``grant`` asks for one and blocks."""

    def __init__(
        self,
        grant: Callable[[bytes], tuple[str, float]] | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._grant = grant or grant_token
        self._clock = clock
        self._jitter = jitter
        self._held: dict[bytes, _Held] = {}
        self.renewed = 0
        """How many tokens were given."""
        self.failed = 0
        """How many times none was."""

    def token(self, key: bytes) -> str:
        """Give the token of a key file's content, asking for one where it is time.

        While none is given anew, the old one serves as long as it is good. Raises NoTokenError.
        """
        held = self._held.setdefault(hashlib.sha256(key).digest(), _Held())
        now = self._clock()
        if now >= held.due:
            self._renew(held, key, now)
        if held.token and now < held.ends:
            return held.token
        raise NoTokenError(held.why)

    def due(self) -> float | None:
        """Tell when the next token is to be renewed, by the clock; None without any."""
        return min((held.due for held in self._held.values()), default=None)

    def keep(self, keys: frozenset[bytes]) -> None:
        """Forget the tokens of all other keys."""
        kept = {hashlib.sha256(key).digest() for key in keys}
        self._held = {name: held for name, held in self._held.items() if name in kept}

    def _renew(self, held: _Held, key: bytes, now: float) -> None:
        try:
            held.token, lasts = self._grant(key)
        except NoTokenError as error:
            self.failed += 1
            if now < held.ends:
                _log.warning("a Google service account's token is not renewed yet: %s", error)
            held.why = str(error)
            held.due = now + held.wait * (0.5 + self._jitter() / 2)
            held.wait = min(held.wait * 2, _LONGEST_WAIT)
            return
        self.renewed += 1
        held.ends = now + lasts
        # Not all replicas, and not all accounts, at the same moment.
        soon = min(lasts * RENEWED_AT, lasts - AHEAD) if lasts > 2 * AHEAD else lasts * RENEWED_AT
        held.due = now + soon * (0.95 + self._jitter() / 20)
        held.wait = _FIRST_WAIT


def grant_token(key: bytes) -> tuple[str, float]:
    """Ask for a token; give it and how many seconds it lasts. Raises NoTokenError."""
    import google.auth.exceptions

    credentials = _credentials(key)
    try:
        credentials.refresh(_Request())  # type: ignore[no-untyped-call]  # google-auth has no types
    except google.auth.exceptions.TransportError:
        raise NoTokenError("the service account's token server cannot be reached") from None
    except google.auth.exceptions.GoogleAuthError as error:
        raise NoTokenError(f"the service account is given no token{_code(error)}") from None
    token: str | None = credentials.token
    if not token or credentials.expiry is None:
        raise NoTokenError("the service account is given no token")
    if not token.isascii() or any(character <= " " for character in token):
        raise NoTokenError("the token server gives what is no token")
    from datetime import UTC, datetime

    lasts = (credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    return token, lasts


def _credentials(key: bytes) -> Credentials:
    from google.oauth2 import service_account

    try:
        info = json.loads(key)
    except ValueError:
        raise NoTokenError("it is no JSON, so no key file of a service account") from None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise NoTokenError("it is no key file of a service account") from None
    where = urlsplit(str(info.get("token_uri", "")))
    if where.scheme != "https" and where.hostname not in _LOOPBACK:
        raise NoTokenError("its `token_uri` is no https URL")
    try:
        made: Credentials = service_account.Credentials.from_service_account_info(
            info, scopes=[SCOPE]
        )  # type: ignore[no-untyped-call]  # google-auth has no types
    except (ValueError, TypeError, KeyError):
        # What the library says may quote the key.
        raise NoTokenError("it is no key file of a service account") from None
    return made


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


class _Request:
    """google-auth's transport over the standard library."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Response:
        import google.auth.exceptions

        asked = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)  # noqa: S310 - https, or this machine
        try:
            with urllib.request.urlopen(asked, timeout=timeout or TIMEOUT) as answer:  # noqa: S310 - as above
                return _Response(answer.status, dict(answer.headers), answer.read(1 << 20))
        except urllib.error.HTTPError as error:
            with error:
                return _Response(error.code, dict(error.headers), error.read(1 << 20))
        except OSError:
            raise google.auth.exceptions.TransportError("unreachable") from None  # type: ignore[no-untyped-call]  # google-auth has no types
