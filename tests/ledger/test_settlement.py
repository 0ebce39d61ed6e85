"""What a request's reservation comes to."""

from __future__ import annotations

import asyncio

import pytest

from ext_authz.counters.counters import CountersAwayError
from ext_authz.ledger.bookmark import Bookmark, read_bookmark
from ext_authz.ledger.settlement import may_hold, settlement
from ext_authz.ledger.settling import Settling
from ext_authz.ledger.spool import Batch
from tests.ledger.lines import FakeCounters, line, written
from xds.edge.limit import Each, Limit, Period, Shape, Unit
from xds.edge.rules import Model, Rules


def limit_of(unit: Unit, **more) -> Limit:
    return Limit(
        **{
            "id": f"provider/backup/{unit}/minute",
            "owner": "provider `backup`",
            "text": "x",
            "unit": unit,
            "amount": 100,
            "period": Period.MINUTE,
            "shape": Shape.SLIDING,
            **more,
        }
    )


RULES = Rules(
    gateway="g",
    models={"fast": Model(names=("fast",), providers=("openai",))},
    providers={
        "openai": (limit_of(Unit.TOKENS),),
        "backup": (
            limit_of(Unit.REQUESTS),
            limit_of(Unit.TOKENS, each=Each.TENANT),
            limit_of(Unit.CONCURRENT),
        ),
    },
)


def test_what_was_used_is_told_by_unit():
    """Tokens of both kinds, their sum, the cost; nothing is under way any more."""
    found = settlement(line(), RULES)
    assert (found.reservation, found.provider, found.more) == ("r-1", "openai", ())
    assert found.used == {
        Unit.TOKENS: 17,
        Unit.INPUT_TOKENS: 12,
        Unit.OUTPUT_TOKENS: 5,
        Unit.COST: 27_000,
        Unit.CONCURRENT: 0,
    }


def test_who_holds_nothing_settles_nothing():
    """Most lines need not even be parsed."""
    assert settlement(line(held=None), RULES) is None
    assert not may_hold(written(line(held=None)))
    assert may_hold(written(line()))


@pytest.mark.parametrize("flags", ["DC", "DR", "UAEX", "URX,DC"])
def test_who_left_before_the_edge_had_answered_gives_all_of_it_back(flags):
    """Its line does not say that anything was reserved, for Envoy did not hear of it."""
    left = line(held=None, flags=flags, status=0, told=None, provider=None)
    assert may_hold(written(left))
    found = settlement(left, RULES)
    assert found.reservation == "r-1"
    assert set(found.used.values()) == {0}


def test_who_was_answered_by_nobody_gives_all_of_it_back():
    """Nobody served, so no provider's limit is charged either."""
    found = settlement(line(status=503, told=None), RULES)
    assert set(found.used.values()) == {0}
    assert found.provider == ""


def test_a_fallback_is_charged_to_the_provider_that_served():
    """Its limits were not reserved: what was used is charged now, under the counters' names."""
    found = settlement(line(provider="backup"), RULES)
    assert found.provider == "backup"
    assert [(charge.counter, charge.amount) for charge in found.more] == [
        ("provider/backup/requests/minute", 1),
        ("provider/backup/tokens/minute|tenant=acme", 17),
    ]


def test_counters_that_were_away_are_opened_anew(tmp_path):
    """By then the secret that holds their URL may be another one; nothing is noted as settled."""
    opened: list[FakeCounters] = []

    def factory(_rules: Rules) -> FakeCounters:
        opened.append(FakeCounters(away=not opened))
        return opened[-1]

    path = tmp_path / "settled.json"
    settling = Settling(lambda: RULES, factory, path)
    batch = Batch(((0, written(line()).strip()),), Bookmark("a", 7))

    async def settle() -> None:
        with pytest.raises(CountersAwayError):
            await settling.take(batch)
        assert read_bookmark(path) is None
        await settling.take(batch)
        await settling.close()

    asyncio.run(settle())
    assert [counters.closed for counters in opened] == [True, True]
    assert set(opened[1].settled) == {"r-1"}
    assert read_bookmark(path) == batch.end
