"""What Envoy is answered about a request, and what is reserved for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.admission.book import Book
from ext_authz.admission.decide import Admission, NotYet, Reserve
from ext_authz.counters.counters import Standing, Verdict
from tests.ext_authz.asking import (
    NOW,
    admission,
    key_of,
    limit,
    question,
    read,
    rules,
    table,
)
from xds.edge.attempt import FIRST
from xds.edge.limit import Away, Each, Unit
from xds.edge.rules import Grant, Issuer, Key, Model, Route, Team, Tenant

CI = Key(id="acme/ci", tenant="acme")
BATCH = Key(id="acme/search/batch", tenant="acme", team="search")
CHAT = json.dumps(
    {"model": "fast", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello there"}]}
).encode()


def of_acme(tenant=None, **more):
    return admission(rules(tenants={"acme": tenant or Tenant()}, **more), CI, BATCH)


def test_services_are_told_who_asks_and_get_no_key():
    """Headers of the identity, the credential's header away, and metadata for logs."""
    tenant = Tenant(teams={"search": Team()})
    said = read(of_acme(tenant).decide(question("orders", "acme/search/batch"), NOW))
    assert said.upstream == {
        "x-gatewright-tenant": "acme",
        "x-gatewright-team": "search",
        "x-gatewright-key": "acme/search/batch",
    }
    assert said.removed == ["authorization"]
    assert said.metadata == {
        "tenant": "acme",
        "team": "search",
        "key": "acme/search/batch",
        "auth": "keys",
    }


def test_providers_are_not_told_who_asks():
    """The metadata is for this gateway's own logs."""
    said = read(of_acme().decide(question(key="acme/ci", model="fast"), NOW))
    assert (said.status, said.upstream) == (200, {})
    assert said.metadata["tenant"] == "acme"


def test_envoy_is_told_which_target_a_request_tries_first():
    """In a header for its routes and in metadata for its logs, also where something is reserved."""
    for limits, headers in (
        ((), set()),
        ((limit(Unit.REQUESTS, 5),), {"x-ratelimit-limit-requests"}),
    ):
        made = rules(tenants={"acme": Tenant(limits=limits)})
        deciding = Admission(Book(made), table(CI), first={"fast": 2, "smart": None}.get)
        asked = deciding.decide(question(key="acme/ci", model="fast"), NOW)
        if isinstance(asked, Reserve):
            asked = asked.finish(Verdict(admitted=True, standings=(Standing(4, 1),)))
        said = read(asked)
        assert said.upstream == {FIRST: "2"}
        assert (said.metadata["first"], said.metadata["tenant"]) == (2, "acme")
        assert said.headers.keys() >= headers
        for other in ("smart", ""):
            asked = deciding.decide(question(key="acme/ci", model=other), NOW)
            if isinstance(asked, Reserve):
                asked = asked.finish(Verdict(admitted=True, standings=(Standing(4, 1),)))
            assert FIRST not in read(asked).upstream
            assert "first" not in read(asked).metadata


@pytest.mark.parametrize("user", ["b\u00f6", "a\nb", "\u00e4"])
def test_a_subject_that_is_no_header_is_not_told_as_another(user):
    """Two that differ must not look the same."""
    made = rules(
        routes={"orders": Route(auth=("jwt:corp",))},
        tenants={"acme": Tenant(claims=("acme",))},
        issuers={"corp": _issuer()},
    )
    asked = question("orders", tokens={"corp": {"tenant": "acme", "sub": user}})
    said = read(admission(made).decide(asked, NOW))
    assert said.upstream == {"x-gatewright-tenant": "acme"}
    assert said.metadata["user"] == user


def _issuer():
    return Issuer(issuer="https://corp", tenant_claim="tenant")


def test_a_route_that_is_not_there_yet_is_waited_for():
    """And if it does not come: 503, and never 401."""
    said = of_acme().decide(question("newer"), NOW)
    assert isinstance(said, NotYet)
    assert read(said).status == 503


def test_no_key_and_a_bad_key_are_401():
    """In the schema of whoever asks."""
    missing = read(of_acme().decide(question("orders"), NOW))
    assert (missing.status, missing.body["status"]) == (401, 401)
    assert missing.headers["content-type"] == "application/problem+json"
    bad = read(of_acme().decide(question(key="nobody", model="fast"), NOW))
    assert bad.body["error"]["code"] == "invalid_api_key"
    assert bad.metadata == {}


@pytest.mark.parametrize(
    ("tenant", "route", "client", "status"),
    [
        (Tenant(addresses=("10.0.0.0/8",)), Route(auth=("keys",)), "10.1.2.3", 200),
        (Tenant(addresses=("10.0.0.0/8",)), Route(auth=("keys",)), "::ffff:10.1.2.3", 200),
        (Tenant(addresses=("10.0.0.0/8",)), Route(auth=("keys",)), "192.0.2.1", 403),
        (Tenant(addresses=("10.0.0.0/8",)), Route(auth=("keys",)), "2001:db8::1", 403),
        (Tenant(addresses=("10.0.0.0/8",)), Route(auth=("keys",)), "", 403),
        (Tenant(), Route(auth=("keys",), allow=("acme",)), "192.0.2.1", 200),
        (Tenant(), Route(auth=("keys",), allow=("other",)), "192.0.2.1", 403),
        (Tenant(), Route(auth=("keys",), allow=()), "192.0.2.1", 403),
        (Tenant(routes=("orders",)), Route(auth=("keys",)), "192.0.2.1", 200),
        (Tenant(routes=()), Route(auth=("keys",)), "192.0.2.1", 403),
        (Tenant(), Route(auth=("keys",), on_request=True), "192.0.2.1", 403),
        (
            Tenant(grants=(Grant(route="orders"),)),
            Route(auth=("keys",), on_request=True),
            "192.0.2.1",
            200,
        ),
    ],
)
def test_a_route_is_for_those_who_may(tenant, route, client, status):
    """From where they may, and 403 says nothing about others."""
    made = of_acme(tenant, routes={"orders": route})
    said = read(made.decide(question("orders", "acme/ci", client=client), NOW))
    assert said.status == status


def test_a_grant_ends_by_the_clock():
    """From its `until` on, not before."""
    until = int(NOW)
    grants = (Grant(model="opus", until=until), Grant(route="orders", until=until))
    made = of_acme(
        Tenant(grants=grants),
        models={"opus": Model(names=("opus",), on_request=True)},
        routes={
            "orders": Route(auth=("keys",), on_request=True),
            "llm": Route(auth=("keys",), llm=True, models=("opus",)),
        },
    )
    for now, model, route in ((NOW - 1, 200, 200), (NOW, 404, 403)):
        assert read(made.decide(question(key="acme/ci", model="opus"), now)).status == model
        assert read(made.decide(question("orders", "acme/ci"), now)).status == route


@pytest.mark.parametrize(
    ("tenant", "key", "models"),
    [
        (Tenant(), CI, ["fast", "smart"]),
        (Tenant(models=("fast",)), CI, ["fast"]),
        (Tenant(models=()), CI, []),
        (Tenant(teams={"search": Team(models=("smart",))}), BATCH, ["smart"]),
        (Tenant(models=("fast",), teams={"search": Team(models=("smart",))}), BATCH, []),
        (Tenant(), Key(id="acme/ci", tenant="acme", models=("smart",)), ["smart"]),
        (Tenant(grants=(Grant(model="opus"),)), CI, ["fast", "opus", "smart"]),
        (Tenant(models=(), grants=(Grant(model="opus"),)), CI, ["opus"]),
    ],
)
def test_models_are_those_that_tenant_team_and_key_all_have(tenant, key, models):
    """The others are not there, as far as they may know; and the list says the same."""
    opus = Model(names=("opus",), on_request=True)
    made = rules(tenants={"acme": tenant})
    served = {**made.models, "opus": opus}
    route = Route(auth=("keys",), llm=True, models=tuple(served))
    here = admission(rules(tenants={"acme": tenant}, models=served, routes={"llm": route}), key)
    for name in served:
        said = read(here.decide(question(key=key.id, model=name), NOW))
        assert said.status == (200 if name in models else 404)
        if said.status == 404:
            assert said.body["error"]["code"] == "model_not_found"
        entry = question(key=key.id, about={"api": "openai", "endpoint": "/models", "entry": name})
        assert read(here.decide(entry, NOW)).status == said.status
    listed = read(here.decide(question(key=key.id, about={"api": "openai", "list": "models"}), NOW))
    names = sorted(name for model in models for name in served[model].names)
    assert [one["id"] for one in listed.body["data"]] == names


def test_a_model_is_refused_in_the_clients_own_words():
    """An alias leads to the model, and its refusal does not tell where to."""
    said = read(
        of_acme(Tenant(models=())).decide(question(key="acme/ci", model="fast", asked="quick"), NOW)
    )
    assert said.body["error"]["message"] == "The model `quick` does not exist"


def test_nobody_is_listed_no_models_that_are_there_on_request():
    """What is not there for them is not in the list either."""
    models = {"fast": Model(names=("fast",)), "opus": Model(names=("opus",), on_request=True)}
    routes = {"llm": Route(auth=("none",), llm=True, models=("fast", "opus"))}
    asked = question(about={"api": "anthropic", "list": "models"})
    said = read(admission(rules(models=models, routes=routes)).decide(asked, NOW))
    assert [one["id"] for one in said.body["data"]] == ["fast"]


def charges(made, asked):
    said = made.decide(asked, NOW)
    assert isinstance(said, Reserve)
    return {charge.counter: charge.amount for charge in said.charges}


@pytest.mark.parametrize(
    "about",
    [
        {"endpoint": "/chat/completions"},
        {"endpoint": "/messages", "api": "anthropic"},
        {"endpoint": "/models"},
    ],
)
def test_a_model_of_others_is_refused_as_one_that_nobody_has(about):
    """Byte for byte, before anything is counted, at whatever endpoint; one's own is not."""
    tenants = {"acme": Tenant(models=("fast",), limits=(limit(Unit.REQUESTS, 9),))}
    here = admission(rules(tenants=tenants), CI)

    def told(name: str) -> Any:
        if about["endpoint"] != "/models":
            return here.decide(
                question(key=CI.id, about={"api": "openai", **about}, asked=name), NOW
            )
        entry = {} if name == "none " else {"entry": name}  # nobody has it: no route has its name
        return here.decide(question(key=CI.id, about={"api": "openai", **about, **entry}), NOW)

    smart, none = told("smart"), told("none ")
    assert (read(smart).status, read(none).status) == (404, 404)
    assert smart.answer.replace(b"smart", b"none ") == none.answer
    assert isinstance(told("fast"), Reserve)


def test_limits_of_a_key_hold_as_its_shard_says_them_under_the_same_rules():
    """Keys are served apart from rules: one may be edited while the rules stay."""
    book = Book(rules(tenants={"acme": Tenant()}))
    few, many = (limit(Unit.REQUESTS, size, place="key/acme/ci") for size in (7, 900))
    for own in ((many,), (few,), (), (many,)):
        assert book.limits("llm", "acme", "", "acme/ci", own, "") == own


def test_all_limits_that_apply_are_charged_together():
    """Gateway, route, tenant, team, key, model, and the providers that may be asked first."""
    made = rules(
        limits=(limit(Unit.REQUESTS, 9, place="gateway"),),
        routes={
            "llm": Route(
                auth=("keys",),
                llm=True,
                models=("fast",),
                limits=(limit(Unit.REQUESTS, 9, place="route/llm"),),
            )
        },
        models={
            "fast": Model(
                names=("fast",),
                providers=("a", "b"),
                limits=(limit(Unit.REQUESTS, 9, place="model/fast"),),
            )
        },
        providers={
            "a": (limit(Unit.REQUESTS, 9, place="provider/a"),),
            "b": (limit(Unit.REQUESTS, 9, place="provider/b"),),
        },
        tenants={
            "acme": Tenant(
                limits=(limit(Unit.REQUESTS, 9, each=Each.KEY),),
                teams={"search": Team(limits=(limit(Unit.REQUESTS, 9, place="team/acme/search"),))},
            )
        },
    )
    key = Key(
        id="acme/search/batch",
        tenant="acme",
        team="search",
        limits=(limit(Unit.REQUESTS, 9, place="key/acme/search/batch"),),
    )
    found = charges(admission(made, key), question(key=key.id, model="fast"))
    assert found == dict.fromkeys(
        [
            "gateway/requests/minute",
            "route/llm/requests/minute",
            "tenant/acme/requests/minute|key=acme/search/batch",
            "team/acme/search/requests/minute",
            "key/acme/search/batch/requests/minute",
            "model/fast/requests/minute",
            "provider/a/requests/minute",
            "provider/b/requests/minute",
        ],
        1,
    )


def test_each_unit_is_charged_what_the_request_may_use():
    """Tokens by the estimate, money by the model's prices in nano-USD, places one each."""
    units = (Unit.TOKENS, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.COST, Unit.CONCURRENT)
    tenant = Tenant(limits=tuple(limit(unit, 10**9) for unit in units))
    found = charges(of_acme(tenant), question(key="acme/ci", model="fast", body=CHAT))
    used = found["tenant/acme/input_tokens/minute"]
    assert 2 <= used < 20
    assert found["tenant/acme/output_tokens/minute"] == 100
    assert found["tenant/acme/tokens/minute"] == used + 100
    # 1 USD a million input tokens, 0.002 USD a million output tokens.
    assert found["tenant/acme/cost/minute"] == used * 1_000 + 100 * 2
    assert found["tenant/acme/concurrent/minute"] == 1


def test_a_service_is_charged_no_tokens():
    """Only what a request is by itself."""
    limits = (limit(Unit.TOKENS, 9), limit(Unit.COST, 9), limit(Unit.CONCURRENT, 9))
    found = charges(of_acme(Tenant(limits=limits)), question("orders", "acme/ci"))
    assert found == {"tenant/acme/concurrent/minute": 1}
    only = Tenant(limits=limits[:2])
    assert read(of_acme(only).decide(question("orders", "acme/ci"), NOW)).status == 200


def test_the_limits_of_a_key_may_change_while_the_rules_stay():
    """Shards of keys come by themselves, with the same book behind them."""
    book = Book(rules(tenants={"acme": Tenant()}))
    for amount in (5, 7, 9):
        key = Key(id="acme/ci", tenant="acme", limits=(limit(Unit.REQUESTS, amount),))
        said = Admission(book, table(key)).decide(question("orders", "acme/ci"), NOW)
        assert [charge.limit.amount for charge in said.charges] == [amount]


def reserve(tenant, **asked):
    said = of_acme(tenant).decide(question(key="acme/ci", model="fast", **asked), NOW)
    assert isinstance(said, Reserve)
    return said


def test_what_was_reserved_is_told_and_settled_by_its_line():
    """Metadata that the usage log has: that something is held, and the estimate."""
    limits = (limit(Unit.REQUESTS, 20), limit(Unit.TOKENS, 1000))
    asked = reserve(Tenant(limits=limits), body=CHAT)
    assert asked.reservation == "r-1"
    verdict = Verdict(True, standings=(Standing(19, 60_000), Standing(100, 30_000)))
    said = read(asked.finish(verdict))
    assert said.status == 200
    assert said.metadata["held"] is True
    assert said.metadata["estimate"] > 0
    assert said.metadata["tenant"] == "acme"
    assert said.headers == {
        "x-ratelimit-limit": "1000",
        "x-ratelimit-remaining": "100",
        "x-ratelimit-reset": "30",
        "x-ratelimit-limit-requests": "20",
        "x-ratelimit-remaining-requests": "19",
        "x-ratelimit-reset-requests": "60s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "100",
        "x-ratelimit-reset-tokens": "30s",
    }


def test_requests_alone_are_not_held():
    """They are charged at once: nothing waits for the line."""
    asked = reserve(Tenant(limits=(limit(Unit.REQUESTS, 20),)))
    said = read(asked.finish(Verdict(True, standings=(Standing(19, 60_000),))))
    assert "held" not in said.metadata
    assert asked.hold_ms == 60_000


@pytest.mark.parametrize("limits", [(), (limit(Unit.REQUESTS, 20),)])
def test_a_fallback_to_a_provider_with_limits_is_held_whatever_else_is_limited(limits):
    """Who serves is known at the end: it is remembered till then, and the prompt estimated."""
    dear = limit(Unit.COST, 10**12, place="provider/dear")
    made = rules(
        models={"fast": Model(names=("fast",), providers=("cheap",), fallbacks=("dear", "free"))},
        providers={"dear": (dear,)},
        tenants={"acme": Tenant(limits=limits)},
    )
    asked = admission(made, CI).decide(question(key=CI.id, model="fast", body=CHAT), NOW)
    assert isinstance(asked, Reserve)
    assert [charge.limit for charge in asked.charges] == [*limits]
    assert asked.hold_ms == 660_000
    said = read(asked.finish(Verdict(True, standings=(Standing(19, 60_000),) * len(limits))))
    assert said.metadata["held"] is True
    assert said.metadata["estimate"] > 0


def test_a_fallbacks_limits_alone_refuse_nobody_while_the_counters_are_away():
    """Nothing is charged of them until it has served."""
    made = rules(
        models={"fast": Model(names=("fast",), providers=("a",), fallbacks=("b",))},
        providers={"b": (limit(Unit.REQUESTS, 20, place="provider/b"),)},
        tenants={"acme": Tenant()},
    )
    asked = admission(made, CI).decide(question(key=CI.id, model="fast"), NOW)
    assert read(asked.away()).status == 200


@pytest.mark.parametrize(
    ("budget", "retry_ms", "code", "retry_after", "again"),
    [
        (False, 11_001, "rate_limit_exceeded", "12", "; try again in 12 s"),
        (False, 0, "rate_limit_exceeded", None, ""),
        (False, 7_200_000, "rate_limit_exceeded", "7200", "; try again in 2 h"),
        (True, 3_000, "insufficient_quota", "3", "; try again in 3 s"),
    ],
)
def test_a_limit_that_has_no_room_is_told(budget, retry_ms, code, retry_after, again):
    """Which of whom, and when to come back; a client need not try where it is of no use."""
    tokens = limit(Unit.TOKENS, 1000, budget=budget)
    asked = reserve(Tenant(limits=(limit(Unit.REQUESTS, 20), tokens)), body=CHAT)
    standings = (Standing(20, 0), Standing(3, retry_ms))
    said = read(asked.finish(Verdict(False, 1, retry_ms, standings)))
    assert said.status == 429
    error = said.body["error"]
    assert error["code"] == code
    assert "tenant `acme`" in error["message"]
    assert "1000 tokens/minute" in error["message"]
    assert error["message"].endswith(again)
    assert said.headers.get("retry-after") == retry_after
    patient = retry_after is not None and int(retry_after) <= 60 and not budget
    assert said.headers.get("x-should-retry") == (None if patient else "false")
    assert said.headers["x-ratelimit-remaining"] == "3"


@pytest.mark.parametrize(
    ("away", "status"),
    [
        ((Away.OPEN, Away.OPEN), 200),
        ((Away.OPEN, Away.CLOSED), 503),
        ((Away.CLOSED,), 503),
    ],
)
def test_without_counters_each_limit_says_what_holds(away, status):
    """One that is closed is enough, and it is never 401."""
    limits = tuple(limit(Unit.REQUESTS, 20, away=one) for one in away)
    said = read(reserve(Tenant(limits=limits)).away())
    assert said.status == status
    if status == 503:
        assert said.headers["retry-after"] == "1"
        assert said.body["error"]["type"] == "server_error"


def test_money_is_told_to_no_client():
    """Not every client of a tenant is to know what is left."""
    cost = limit(Unit.COST, 10**12, budget=True)
    asked = reserve(Tenant(limits=(cost,)), body=CHAT)
    assert read(asked.finish(Verdict(True, standings=(Standing(5, 0),)))).headers == {}


def test_a_hold_lasts_as_long_as_the_request_may():
    """A model's own bound and some slack, in milliseconds."""
    models = {"fast": Model(names=("fast",), seconds=30.0)}
    tenant = Tenant(limits=(limit(Unit.CONCURRENT, 2),))
    said = of_acme(tenant, models=models).decide(question(key="acme/ci", model="fast"), NOW)
    assert 30_000 < said.hold_ms <= 120_000


def test_no_answer_shows_a_key():
    """Neither to the client nor to logs."""
    made = of_acme()
    for asked in (question(key="acme/ci", model="fast"), question(key="nobody", model="fast")):
        answer = made.decide(asked, NOW)
        assert b"gw_" not in answer.answer.replace(b"gw_...", b"")
        assert key_of("acme/ci") not in repr(answer)


@given(st.binary(max_size=200))
def test_what_is_no_question_is_no_request(data):
    """Any bytes are decided about, or are told to be none."""
    made = of_acme()
    try:
        said = made.decide(data, NOW)
    except DecodeError:
        return
    assert isinstance(said, NotYet)
