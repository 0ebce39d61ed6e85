"""`gatewright usage`: sums and rows, exactly, from both stores, in every format."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.main import main
from cli.usage_times import moment, month, written
from ext_authz.ledger.postgres import PostgresLedger
from ext_authz.ledger.row import row
from ext_authz.ledger.sqlite import SqliteLedger
from ext_authz.ledger.totals import decimal, usd, version
from tests.ledger.lines import line, sums

NOW = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
DAYS = ("2026-10-31T23:59:59.999Z", "2026-11-01T00:00:00.000Z", "2026-11-30T12:00:00.000Z")


def made() -> list:
    """Rows over two months, tenants, models, prices and statuses."""
    found = []
    for number in range(300):
        more: dict[str, Any] = {
            "id": f"r-{number}",
            "time": DAYS[number % 3],
            "tenant": f"t{number % 2}",
        }
        more |= {"cost": 10_000_000_001 * (number + 1), "input": number, "output": number * 2}
        if number % 5 == 0:
            more |= {"price": "genai-prices 0.2.3: gpt-4o-mini", "input_price": 150_000}
        if number % 10 == 0:
            more |= {"status": 429, "told": None}
        if number % 7 == 0:
            more |= {"model": "smart", "user": "=cmd()", "told": None}
        found.append(row(line(**more), "x", "g"))
    return found


ROWS = made()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger(request, tmp_path_factory):
    """The options that name a ledger with ROWS in it."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("state") / "ledger.sqlite"
        asyncio.run(SqliteLedger(path).write(ROWS, None))
        return ("--ledger", f"sqlite:{path}")
    url = request.getfixturevalue("postgres").database()
    store = PostgresLedger(url)

    async def write():
        await store.write(ROWS, None)
        await store.close()

    asyncio.run(write())
    return ("--ledger", url)


@pytest.fixture
def usage(ledger, capsys):
    def ask(*arguments: str) -> str:
        assert main(["usage", *ledger, *arguments]) == 0
        return capsys.readouterr().out

    return ask


def test_sums_are_those_of_the_rows_to_the_last_nano_usd(usage):
    """By tenant: requests, tokens, cost, the estimated and the failed."""
    found = {one["tenant"]: one for one in json.loads(usage("--format", "json"))}
    for tenant, (requests, tokens_in, output, cached, cost) in sums(ROWS).items():
        one = found[tenant]
        assert (one["requests"], one["input"], one["output"]) == (requests, tokens_in, output)
        assert (one["cached"], one["cost"]) == (cached, cost)
        assert Decimal(one["usd"]) * 10**9 == cost
        own = [it for it in ROWS if it.tenant == tenant]
        assert one["estimated"] == sum(it.estimated for it in own)
        assert one["failed"] == sum(it.status >= 400 for it in own)


def test_costs_are_those_of_the_day_with_the_versions_of_their_prices(usage):
    """Whose prices they are, and USD a million tokens."""
    found = json.loads(usage("--by", "model", "--format", "json"))
    assert found[0]["prices"] == "genai-prices 0.2.3: gpt-4o-mini (0.15/3); policy (1/3)"


@pytest.mark.parametrize(
    "by",
    ["team", "key", "model,status", "served", "provider", "route", "day", "month", "hour,tenant"],
)
def test_whatever_is_summed_by_comes_to_the_same_total(usage, by):
    """No request falls between two groups."""
    found = json.loads(usage("--by", by, "--format", "json"))
    assert sum(one["cost"] for one in found) == sum(one.cost for one in ROWS)
    assert sum(one["requests"] for one in found) == len(ROWS)


def test_days_and_months_are_those_of_utc(usage):
    """A millisecond before midnight is the day before."""
    days = [one["day"] for one in json.loads(usage("--by", "day", "--format", "json"))]
    assert days == ["2026-10-31", "2026-11-01", "2026-11-30"]
    months = [one["month"] for one in json.loads(usage("--by", "month", "--format", "json"))]
    assert months == ["2026-10", "2026-11"]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (("--tenant", "t1"), lambda one: one.tenant == "t1"),
        (("--tenant", "t1", "--tenant", "t0", "--model", "smart"), lambda o: o.model == "smart"),
        (("--month", "2026-11"), lambda one: one.time >= 1_793_491_200_000),
        (("--since", "2026-11-30"), lambda one: one.time >= 1_795_996_800_000),
        (("--until", "2026-11-01"), lambda one: one.time < 1_793_491_200_000),
        (("--status", "4xx"), lambda one: one.status == 429),
        (("--status", "200", "--status", "429"), lambda one: True),
        (("--key", "nobody"), lambda one: False),
    ],
)
def test_rows_can_be_narrowed(usage, options, chosen):
    """Each row that is meant is exported once, in order."""
    found = json.loads(usage("--rows", "--format", "json", *options))
    wanted = sorted((one for one in ROWS if chosen(one)), key=lambda one: (one.time, one.id))
    assert [one["id"] for one in found] == [one.id for one in wanted]


def test_a_row_as_json_has_all_that_a_request_was(usage):
    """With the time in words and flags as such."""
    one = json.loads(usage("--rows", "--format", "json"))[0]
    assert one["time"] == "2026-10-31T23:59:59.999Z"
    assert (one["told"], one["estimated"]) == (False, False)
    assert (one["status"], one["served"], one["key"]) == (429, "gpt-4o-mini", "acme/search/ci")


def test_csv_can_be_read_back_and_runs_nothing_in_a_spreadsheet(usage):
    """What a client calls itself is a text."""
    found = list(csv.DictReader(io.StringIO(usage("--rows", "--format", "csv"))))
    assert len(found) == len(ROWS)
    assert sum(int(one["cost"]) for one in found) == sum(one.cost for one in ROWS)
    assert {one["subject"] for one in found} == {"", "'=cmd()"}


def test_parquet_has_whole_numbers_and_real_times(usage, tmp_path):
    """Rows and sums, with DuckDB."""
    import duckdb

    path = tmp_path / "it's.parquet"
    usage("--rows", "--format", "parquet", "--output", str(path))
    with duckdb.connect() as connection:
        read = connection.read_parquet(str(path))
        assert read.aggregate("count(*), sum(cost), min(time)::VARCHAR").fetchall() == [
            (300, sum(one.cost for one in ROWS), "2026-10-31 23:59:59.999")
        ]
    usage("--by", "tenant,status", "--format", "parquet", "--output", str(path))
    with duckdb.connect() as connection:
        read = connection.read_parquet(str(path))
        assert read.aggregate("sum(cost), max(status)").fetchall() == [
            (sum(one.cost for one in ROWS), 429)
        ]


def test_the_table_ends_with_the_total(usage):
    """For people."""
    shown = usage("--by", "tenant,model").splitlines()
    assert shown[0].split()[:3] == ["TENANT", "MODEL", "REQUESTS"]
    assert shown[-1].split()[:2] == ["total", "300"]
    assert usd(sum(one.cost for one in ROWS)) in shown[-1]


POLICY = """\
gatewright: v1
name: now
listeners: { public: { address: 127.0.0.1, port: 8080 } }
providers: { openai: { api: openai, url: "http://127.0.0.1:1/v1" } }
prices: { openai/gpt-4o-mini: { input: 2 USD/1M tokens, output: 4 USD/1M tokens } }
models: { fast: { targets: [openai/gpt-4o-mini] } }
routes: [{ match: /v1, serve: llm, auth: none }]
"""


def test_chargeback_by_the_prices_of_a_policy(usage, tmp_path):
    """What it was as of the day stays; what it would be now stands beside it."""
    (tmp_path / "gateway.yaml").write_text(POLICY)
    found = json.loads(usage("--prices", str(tmp_path / "gateway.yaml"), "--format", "json"))
    for one in found:
        own = [it for it in ROWS if it.tenant == one["tenant"]]
        assert one["cost"] == sum(it.cost for it in own)
        assert one["cost_now"] == sum(it.input * 2_000 + it.output * 4_000 for it in own)
        assert one["unpriced"] == 0


def test_what_the_options_cannot_mean_is_said(ledger, capsys, tmp_path):
    """Wrong options leave with 2, a ledger that is not there with 3."""
    for wrong in (("--by", "color"), ("--since", "soon"), ("--format", "parquet"), ("prune",)):
        with pytest.raises(SystemExit) as left:
            main(["usage", *ledger, *wrong])
        assert left.value.code == 2
    assert main(["usage", "--state", str(tmp_path)]) == 3
    assert main(["usage", "--ledger", "postgresql://u:canary@127.0.0.1:1/x"]) == 3
    assert main(["usage", "--ledger", "env:NOT_SET_ANYWHERE"]) == 3
    assert "canary" not in capsys.readouterr().err


def test_prune_deletes_what_is_older(tmp_path, capsys):
    """And only that."""
    path = tmp_path / "ledger.sqlite"
    asyncio.run(SqliteLedger(path).write(ROWS, None))
    assert main(["usage", "prune", "--before", "2026-11-01", "--ledger", str(path)]) == 0
    assert capsys.readouterr().out == "100 rows deleted\n"
    assert main(["usage", "--format", "json", "--by", "month", "--ledger", str(path)]) == 0
    assert [one["month"] for one in json.loads(capsys.readouterr().out)] == ["2026-11"]


@given(st.integers(-(10**24), 10**24))
def test_usd_are_written_exactly(nano):
    """No float comes near them."""
    assert Decimal(usd(nano)) == Decimal(nano) / 10**9
    assert len(usd(nano).partition(".")[2]) >= 2


def test_times_as_people_write_them():
    """Days, times with and without a zone, and how long ago."""
    assert written(moment("2026-11-01", NOW)) == "2026-11-01T00:00:00.000Z"
    assert written(moment("2026-11-01T12:00+02:00", NOW)) == "2026-11-01T10:00:00.000Z"
    assert written(moment("36h", NOW)) == "2026-11-30T00:30:00.000Z"
    assert written(moment("7d", NOW)) == "2026-11-24T12:30:00.000Z"
    assert [written(end)[:10] for end in month("2026-12")] == ["2026-12-01", "2027-01-01"]
    assert version("policy", 150_000, 600_000) == "policy (0.15/0.6)"
    assert decimal(0, 10**6) == "0"
