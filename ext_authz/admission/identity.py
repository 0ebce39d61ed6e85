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
_BEARERS: Final = frozenset(("keys", "jwt", "oidc"))
"""Ways whose credentials come as `Authorization: Bearer`."""


class Identity(msgspec.Struct, frozen=True):
    """Who it is. ``key`` is the key they showed, if it was one.

    ``headers`` are those in which keys were sent: no service behind is to see one. All is empty for
    nobody.
    """

    method: str
    tenant: str = ""
    team: str = ""
    user: str = ""
    key: Key | None = None
    headers: tuple[str, ...] = ()

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
            text, sent = sent_keys(question.headers)
            if text is not None:
                key = _known(text, keys, revoked, now)
                if key is None or not _is_there(book, key.tenant, key.team):
                    return Unknown(shown=True)
                return Identity("keys", key.tenant, key.team, key=key, headers=sent)
        elif kind in ("jwt", "oidc"):
            payload = _payload(question.payloads, issuer)
            if payload is not None:
                shown = True
                told = _of_token(payload, book.rules.issuers[issuer], book, kind)
                if told is not None:
                    return _hiding(told, question, route)
        elif kind == "mtls":
            if question.principal:
                shown = True
                tenant = book.tenant_of_certificate(question.principal)
                if tenant:
                    named = Identity("mtls", tenant, user=question.principal)
                    return _hiding(named, question, route)
        elif _is_bad(question, route):
            return Unknown(shown=True)
        else:
            return Identity("none")
    return Unknown(shown or "authorization" in question.headers)


def sent_keys(headers: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Find the key that a client shows, or what it shows as one, and the headers that hold keys."""
    found: str | None = None
    names: tuple[str, ...] = ()
    text = _bearer(headers)
    if text is not None and text.startswith(PREFIX):
        found, names = text, ("authorization",)
    for header in _PLAIN:
        text = headers.get(header)
        if text is not None:
            text = text.strip()
            if text.startswith(PREFIX):
                found = found if names else text
                names = (*names, header)
            elif found is None:
                found = text
    return found, names


def _hiding(who: Identity, question: Question, route: Route) -> Identity:
    """Note which headers hold a key that was not needed to tell who it is."""
    if "keys" not in route.auth:
        return who
    _, sent = sent_keys(question.headers)
    return msgspec.structs.replace(who, headers=sent) if sent else who


def _bearer(headers: Mapping[str, str]) -> str | None:
    text = headers.get("authorization")
    return text[7:].strip() if text is not None and text[:7].lower() == _BEARER else None


def _is_bad(question: Question, route: Route) -> bool:
    """Tell whether nobody would be let in who has shown a credential that is none.

    A token that Envoy has verified is one, whoever is meant by it.
    """
    asked = any(method.partition(":")[0] in _BEARERS for method in route.auth)
    return asked and question.payloads is None and _bearer(question.headers) is not None


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
    """Look a claim up by its name, else follow the path with dots; what is no text is no claim."""
    at = payload
    for part in (path,) if path in payload else path.split("."):
        try:
            if part not in at:
                return ""
            at = at[part]
        except TypeError:
            return ""
    return at if isinstance(at, str) else ""
