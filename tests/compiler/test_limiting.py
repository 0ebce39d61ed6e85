"""Limits from text to plan: amounts, shapes, the names that counters keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from policies.values import Limited, Money, Tokens
from tests.compiler.stages import FAST, LISTENER, LLM, OPENAI, plan_of
from xds.edge.limit import Away, Each, Period, Shape, Unit

USD = 10**9


@pytest.mark.parametrize(
    ("text", "unit", "amount", "period"),
    [
        ("20 requests/minute", Unit.REQUESTS, 20, Period.MINUTE),
        ("1 request/second", Unit.REQUESTS, 1, Period.SECOND),
        ("50k tokens/day", Unit.TOKENS, 50_000, Period.DAY),
        ("1.5M input tokens/hour", Unit.INPUT_TOKENS, 1_500_000, Period.HOUR),
        ("0.001k output tokens/month", Unit.OUTPUT_TOKENS, 1, Period.MONTH),
        ("500 USD/month", Unit.COST, 500 * USD, Period.MONTH),
        ("0.25 USD/day", Unit.COST, USD // 4, Period.DAY),
        ("8 concurrent", Unit.CONCURRENT, 8, Period.NONE),
    ],
)
def test_texts(text, unit, amount, period):
    """Units stand in the text, numbers may be shortened, money is exact."""
    found = TypeAdapter(Limited).validate_python(text)
    assert (found.text, found.unit, found.amount, found.period) == (text, unit, amount, period)


@pytest.mark.parametrize("text", ["2k tokens", "500 tokens", "0.5k tokens"])
def test_tokens(text):
    """The default reservation of output has its unit."""
    assert TypeAdapter(Tokens).validate_python(text) in (2000, 500)


@given(st.text(alphabet="0123456789.kM reqtsokn/minuUSDday", max_size=24))
def test_any_text_is_read_or_refused(text):
    """Whatever is written is a limit of at least 1, or refused as `bad-limit`."""
    for kind in (Limited, Money, Tokens):
        try:
            found = TypeAdapter(kind).validate_python(text)
        except ValidationError as error:
            refused = error.errors()[0]["type"]
            found = None
        else:
            refused = ""
        if found is None:
            assert refused == "bad-limit"
        else:
            assert (found if isinstance(found, int) else found.amount) >= 1


@given(
    whole=st.integers(1, 8_999_999),
    nano=st.integers(0, USD - 1),
    period=st.sampled_from(["second", "minute", "hour", "day", "month"]),
)
def test_money_is_exact(whole, nano, period):
    """No amount passes through a binary fraction."""
    found = TypeAdapter(Money).validate_python(f"{whole}.{nano:09} USD/{period}")
    assert found.amount == whole * USD + nano


def limits(text, *more):
    return [one.limit for one in plan_of(LISTENER, OPENAI, FAST, LLM, text, *more).limits]


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("20 requests/second", "requests/second", Shape.SLIDING),
        ("20 requests/minute", "requests/minute", Shape.SLIDING),
        ("20 tokens/hour", "tokens/hour", Shape.SLIDING),
        ("20 tokens/day", "tokens/day", Shape.CALENDAR),
        ("20 output tokens/month", "output_tokens/month", Shape.CALENDAR),
        ("5 USD/month", "cost/month", Shape.CALENDAR),
        ("8 concurrent", "concurrent", Shape.CONCURRENT),
        (
            "{ limit: 20 requests/minute, window: calendar }",
            "requests/minute/calendar",
            Shape.CALENDAR,
        ),
        ("{ limit: 20 requests/minute, window: sliding }", "requests/minute", Shape.SLIDING),
        ("{ limit: 20 requests/day, window: sliding }", "requests/day/sliding", Shape.SLIDING),
        ("{ limit: 20 requests/minute, burst: 5 }", "requests/minute/bucket", Shape.BUCKET),
        ("{ limit: 20 requests/minute, each: key }", "requests/minute/each-key", Shape.SLIDING),
        (
            "{ limit: 20 requests/minute, each: client, burst: 5 }",
            "requests/minute/bucket/each-client",
            Shape.BUCKET,
        ),
        ("{ limit: 8 concurrent, each: user }", "concurrent/each-user", Shape.CONCURRENT),
        ("{ limit: 20 requests/second, per: edge }", "requests/second/edge", Shape.BUCKET),
    ],
)
def test_names_and_shapes(text, name, shape):
    """A limit is called by its place, unit and period, and by what is not usual about it."""
    (limit,) = limits(f"limits: [{text}]")
    assert (limit.id, limit.shape) == (f"gateway/{name}", shape)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_an_edited_amount_keeps_the_name(one, other):
    """What was counted is not lost by an edit."""
    (before,) = limits(f"limits: [{one} requests/minute]")
    (after,) = limits(f"limits: [{other} requests/minute]")
    assert before.id == after.id


def test_the_whole_of_a_limit():
    """Everything that a mapping may say, and what it means."""
    plan = plan_of(
        LISTENER,
        OPENAI,
        FAST,
        LLM,
        "counters: { when_away: open }",
        """
        limits:
          - { limit: 1k tokens/minute, burst: 5k, each: tenant, when_away: closed }
          - { limit: 1 USD/minute, burst: "0.5" }
          - { limit: 40 requests/second, burst: 80, per: edge }
          - { limit: 50 requests/minute, per: edge }
        budget: { limit: 5 USD/month, each: team }
        """,
    )
    by_id = {one.limit.id: one for one in plan.limits}
    tokens = by_id["gateway/tokens/minute/bucket/each-tenant"].limit
    assert (tokens.amount, tokens.burst, tokens.each) == (1000, 5000, Each.TENANT)
    assert (tokens.away, tokens.owner, tokens.text) == (
        Away.CLOSED,
        "the gateway",
        "1k tokens/minute",
    )
    money = by_id["gateway/cost/minute/bucket"].limit
    assert (money.amount, money.burst, money.away) == (USD, USD // 2, Away.OPEN)
    native = by_id["gateway/requests/second/edge"]
    assert (native.per_edge, native.limit.burst, native.limit.amount) == (True, 80, 40)
    assert by_id["gateway/requests/minute/edge"].limit.burst == 50
    budget = by_id["gateway/cost/month/each-team/budget"].limit
    assert (budget.budget, budget.shape, budget.each) == (True, Shape.CALENDAR, Each.TEAM)


def test_places_and_owners():
    """Each place has names and an owner of its own."""
    plan = plan_of(
        LISTENER,
        """
        providers: { openai: { api: openai, key: env:K, limits: [5 requests/minute] } }
        models:
          fast:
            targets: [openai/gpt-4o-mini]
            output: 2k tokens
            tags: [b, a]
            limits: [1M tokens/day]
            budget: 5 USD/day
        routes: [{ name: llm, match: /v1, serve: llm, auth: none, tags: [x], budget: 9 USD/day }]
        """,
    )
    (model,), (provider,), (route,) = plan.models, plan.providers, plan.routes
    assert [one.limit.id for one in model.limits] == [
        "model/fast/tokens/day",
        "model/fast/cost/day/budget",
    ]
    assert model.limits[0].limit.owner == "model `fast`"
    assert (model.output, model.tags, model.on_request) == (2000, ("a", "b"), False)
    assert provider.limits[0].limit.id == "provider/openai/requests/minute"
    assert provider.limits[0].limit.owner == "provider `openai`"
    assert route.limits[0].limit.id == "route/llm/cost/day/budget"
    assert route.limits[0].limit.owner == "route `llm`"
    assert route.tags == ("x",)
