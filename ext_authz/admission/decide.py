"""Decides about a request: bytes of a question in, bytes of an answer out, or a reservation first.

No socket, no clock, no store: who calls gives the time, and makes the reservation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from ext_authz.admission import refusal
from ext_authz.admission.access import Denied, may_ask, may_enter, models_for
from ext_authz.admission.answer import admitted, answered, tried_first, with_more
from ext_authz.admission.book import Book
from ext_authz.admission.charges import charges_of
from ext_authz.admission.estimate import Estimate, estimate
from ext_authz.admission.identity import Identity, Unknown, identify
from ext_authz.admission.models_list import models_list
from ext_authz.admission.question import MODELS, Question, read_question
from ext_authz.admission.refusal import Refusal
from ext_authz.admission.standing import standing_headers
from ext_authz.counters.counters import Charge, Verdict
from xds.edge import usage_line as line
from xds.edge.key_table import KeyTable
from xds.edge.limit import METERED, Away, Unit
from xds.edge.rules import Route

_SLACK_MS: Final = 60_000
"""How much longer than a request may take its reservation stands: its line is on its way."""
_LONGEST_MS: Final = 3_600_000
"""How long a request to a service may take, as far as reservations go."""
_REPEATED_MS: Final = 60_000
"""How long a reservation is remembered that has nothing to settle: Envoy may ask again."""
_SOON_MS: Final = 1_000
_CACHED: Final = 4_096

ATTEMPTS: Final = "x-gatewright-attempts"
"""The header of answers that tells how many attempts were made."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What Envoy is answered. ``outcome`` is a word for metrics."""

    answer: bytes = field(repr=False)
    outcome: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """What has to be reserved first, for ``hold_ms`` at most; then `finish`, or `away`."""

    reservation: str
    charges: tuple[Charge, ...]
    hold_ms: int
    finish: Callable[[Verdict], Decided] = field(repr=False)
    away: Callable[[], Decided] = field(repr=False)
    """What is decided where the counters cannot be reached."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The route is not in the rules: newer ones must be on their way."""

    answer: bytes = field(repr=False)
    """What to say if they do not come."""


def _no_choice(_model: str) -> None:
    return None


class Admission:
    """The rules, the keys and the revocations of one moment.

    ``first`` chooses the group of a model's targets that is tried first, by its number; None where
    a model has no such choice.
    """

    def __init__(
        self,
        book: Book,
        keys: KeyTable,
        revoked: Collection[bytes] = (),
        first: Callable[[str], int | None] = _no_choice,
    ) -> None:
        self._book = book
        self._keys = keys
        self._revoked = frozenset(revoked)
        self._first = first
        self._passes: dict[tuple[object, ...], bytes] = {}
        self._firsts: dict[int, bytes] = {}

    def decide(self, data: bytes, now: float) -> Decided | Reserve | NotYet:
        """Decide; ``now`` is in seconds since 1970. Raises DecodeError for what is no question."""
        question = read_question(data)
        book = self._book
        route = book.routes.get(question.route)
        if route is None:
            return NotYet(self._refused(refusal.NOT_READY, question, None).answer)
        who = identify(question, route, book, self._keys, self._revoked, now)
        if isinstance(who, Unknown):
            return self._refused(_unknown(route, who), question, None)
        denied = may_enter(book, question, who, now)
        if denied is not None:
            why = refusal.NOT_FROM_HERE if denied is Denied.ADDRESS else refusal.NOT_THIS_ROUTE
            return self._refused(why, question, who)
        if route.llm:
            said = self._about_models(question, route, who, now)
            if said is not None:
                return said
        return self._counted(question, route, who, now)

    def _about_models(
        self, question: Question, route: Route, who: Identity, now: float
    ) -> Decided | None:
        """Say what there is to say of models before anything is counted; None if nothing is."""
        book = self._book
        if question.model:
            if may_ask(book, who, question.model, now):
                return None
            return self._refused(refusal.no_such_model(question.asked), question, who)
        # What is not there at all is told here too, so that nobody can tell the one from the other.
        if question.endpoint == MODELS:
            name = book.names.get(question.entry, "")
            if not question.listing and not may_ask(book, who, name, now):
                return self._refused(refusal.NO_SUCH_ENTRY, question, who)
        elif question.asked and not may_ask(book, who, book.names.get(question.asked, ""), now):
            return self._refused(refusal.no_such_model(question.asked), question, who)
        if question.listing:
            body = models_list(question.api, models_for(book, route, who, now))
            return Decided(answered(200, refusal.JSON, body, (), who), "listed")
        return None

    def _counted(
        self, question: Question, route: Route, who: Identity, now: float
    ) -> Decided | Reserve:
        book = self._book
        own = () if who.key is None else who.key.limits
        limits = book.limits(question.route, who.tenant, who.team, who.key_id, own, question.model)
        passes = self._pass(question, route, who) + self._where_first(question.model)
        # A fallback may lead to a provider that has limits of its own: that is settled.
        beyond = book.beyond.get(question.model, ())
        if not limits and not beyond:
            return Decided(passes, "admitted")
        model = book.models.get(question.model)
        if route.llm and model is None:
            limits = tuple(limit for limit in limits if limit.unit is not Unit.CONCURRENT)
        use: Estimate | None = None
        if model is not None and any(limit.unit in METERED for limit in (*limits, *beyond)):
            use = estimate(question.body, question.size, model.output, question.endpoint)
        charges = charges_of(limits, who, question.client, model, use)
        if not charges and not beyond:
            return Decided(passes, "admitted")
        held = bool(beyond) or any(charge.limit.unit is not Unit.REQUESTS for charge in charges)
        hold_ms = _REPEATED_MS
        if held:
            hold_ms = _SLACK_MS + (_LONGEST_MS if model is None else int(model.seconds * 1000))

        def finish(verdict: Verdict) -> Decided:
            headers = list(standing_headers(charges, verdict.standings, question.api, now))
            if verdict.admitted:
                metadata: dict[str, Any] = {line.HELD: True} if held else {}
                if use is not None:
                    metadata[line.ESTIMATE] = use.input
                return Decided(with_more(passes, headers, metadata), "admitted")
            limit = charges[verdict.refused].limit
            # When a place is free again nobody knows: soon, as places go.
            soon = _SOON_MS if limit.unit is Unit.CONCURRENT else 0
            why = refusal.over(
                limit.owner, limit.text, budget=limit.budget, retry_ms=verdict.retry_ms or soon
            )
            return self._refused(why, question, who, headers)

        def away() -> Decided:
            # It may have been reserved, and the answer was late: then its line gives it back.
            if any(charge.limit.away is Away.CLOSED for charge in charges):
                return self._refused(refusal.NOT_COUNTED, question, who, held=held)
            if not held:
                return Decided(passes, "uncounted")
            return Decided(with_more(passes, (), {line.HELD: True}), "uncounted")

        return Reserve(question.request, charges, hold_ms, finish, away)

    def _pass(self, question: Question, route: Route, who: Identity) -> bytes:
        """Give the part of an answer that is the same for all requests of an identity."""
        about = (
            question.route,
            who.method,
            who.tenant,
            who.team,
            who.key_id,
            who.user,
            who.headers,
        )
        made = self._passes.get(about)
        if made is None:
            made = admitted(who, told_upstream=not route.llm)
            if len(self._passes) >= _CACHED:
                del self._passes[next(iter(self._passes))]
            self._passes[about] = made
        return made

    def _where_first(self, model: str) -> bytes:
        """Give what an answer adds that says where a request for a model goes first."""
        number = self._first(model)
        if number is None:
            return b""
        made = self._firsts.get(number)
        if made is None:
            made = self._firsts[number] = tried_first(number)
        return made

    def _refused(
        self,
        why: Refusal,
        question: Question,
        who: Identity | None,
        headers: Collection[tuple[str, str]] = (),
        *,
        held: bool = False,
    ) -> Decided:
        content_type, body = refusal.body_of(why, question.api)
        all_of_them = [*headers, *refusal.headers_of(why)]
        if question.api and question.endpoint != MODELS:
            # Envoy says so by itself, and only where the model is there: nobody is to know.
            all_of_them.append((ATTEMPTS, "0"))
        answer = answered(why.status, content_type, body, all_of_them, who, held=held)
        return Decided(answer, why.code)


def _unknown(route: Route, who: Unknown) -> Refusal:
    if who.shown:
        return refusal.BAD_KEY
    return refusal.NO_KEY if "keys" in route.auth else refusal.NO_CREDENTIAL
