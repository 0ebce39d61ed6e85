"""Who a request is from: by key, by a token or certificate that Envoy has verified, or nobody.

Ways are tried in the route's order. A client that shows a key that is not good is refused even
where a later way would have let it in: it should know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ext_authz.admission.book import Book
from ext_authz.admission.question import Question
from xds.edge.key_table import KeyTable
from xds.edge.rules import Issuer, Key, Route

PREFIX: Final = "gw_"
"""How every key begins; what begins otherwise is somebody else's, such as a token."""

_LONGEST: Final = 256
_BEARER: Final = "bearer "
_PLAIN: Final = ("x-api-key", "api-key")


class Identity(msgspec.Struct, frozen=True):
    """Who it is. ``key`` is the key they showed, if it was one, in the header ``header``.

    All is empty for nobody.
    """

    method: str
    tenant: str = ""
    team: str = ""
    user: str = ""
    key: Key | None = None
    header: str = ""

    @property
    def key_id(self) -> str:
        """The id of the key, or an empty text."""
        return "" if self.key is None else self.key.id


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody that is known; ``shown`` tells that there was a credential, which is not good."""

    shown: bool


def identify(
    question: Question,
    route: Route,
    book: Book,
    keys: KeyTable,
    revoked: Collection[bytes],
    now: float,
) -> Identity | Unknown:
    """Find out who a request is from; ``now`` is in seconds since 1970."""
    shown = False
    for method in route.auth:
        kind, _, issuer = method.partition(":")
        if kind == "keys":
            found = shown_key(question.headers)
            if found is not None:
                header, text = found
                key = _known(text, keys, revoked, now)
                if key is None or not _is_there(book, key.tenant, key.team):
                    return Unknown(shown=True)
                return Identity("keys", key.tenant, key.team, key=key, header=header)
        elif kind in ("jwt", "oidc"):
            payload = _payload(question.payloads, issuer)
            if payload is not None:
                shown = True
                told = _of_token(payload, book.rules.issuers[issuer], book, kind)
                if told is not None:
                    return told
        elif kind == "mtls":
            if question.principal:
                shown = True
                tenant = book.tenant_of_certificate(question.principal)
                if tenant:
                    return Identity("mtls", tenant, user=question.principal)
        else:
            return Identity("none")
    return Unknown(shown or "authorization" in question.headers)


def shown_key(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Find the key that a client shows, with the header that it is in."""
    text = headers.get("authorization")
    if text is not None and text[:7].lower() == _BEARER:
        text = text[7:].strip()
        if text.startswith(PREFIX):
            return "authorization", text
    for header in _PLAIN:
        text = headers.get(header)
        if text is not None:
            return header, text.strip()
    return None


def _known(text: str, keys: KeyTable, revoked: Collection[bytes], now: float) -> Key | None:
    if not text.startswith(PREFIX) or len(text) > _LONGEST:
        return None
    # By its digest, of which a client chooses no part: where a search ends tells nothing of keys.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    key = keys.lookup(digest)
    if key is None or digest in revoked:
        return None
    if now < key.starts or (key.expires and now >= key.expires):
        return None
    return key


def _is_there(book: Book, tenant: str, team: str) -> bool:
    """Keys and rules come one after the other: a key may be there before its tenant."""
    told = book.tenants.get(tenant)
    return told is not None and (not team or team in told.teams)


def _payload(payloads: Any, issuer: str) -> Any:
    if payloads is None or issuer not in payloads:
        return None
    return payloads[issuer]


def _of_token(payload: Any, issuer: Issuer, book: Book, method: str) -> Identity | None:
    tenant = book.tenant_of_claim(_claim(payload, issuer.tenant_claim))
    if not tenant:
        return None
    team = _claim(payload, issuer.team_claim) if issuer.team_claim else ""
    if team and team not in book.tenants[tenant].teams:
        return None
    return Identity(method, tenant, team, user=_claim(payload, issuer.user_claim))


def _claim(payload: Any, path: str) -> str:
    """Follow a path with dots into a token; what is no text at its end is no claim."""
    at = payload
    for part in path.split("."):
        try:
            if part not in at:
                return ""
            at = at[part]
        except TypeError:
            return ""
    return at if isinstance(at, str) else ""
