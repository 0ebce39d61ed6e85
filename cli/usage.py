"""`gatewright usage`: who used what, and what it cost."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from cli import exits

if TYPE_CHECKING:
    from cli.usage_source import Source
    from compiler.plan import Plan
    from ext_authz.ledger.query import Narrowed
    from ext_authz.ledger.totals import Reprice

NAME = "usage"
STATE: Final = Path("/var/lib/gatewright")

EPILOG = """\
examples:
  gatewright usage                                      by tenant, from this machine's ledger
  gatewright usage --by tenant,team,model --month 2026-11
  gatewright usage --by day --tenant acme --since 30d --format csv
  gatewright usage --by tenant --month 2026-11 --prices gateway.yaml   and by the prices of now
  gatewright usage --rows --tenant acme --format parquet --output acme.parquet
  gatewright usage --ledger env:LEDGER_URL              a fleet's, in PostgreSQL
  gatewright usage prune --before 2026-01-01            delete what is older

Cost is what it was as of the day: each row holds the cost by the price of its moment, and PRICES
are the versions of those (USD a million tokens in/out). Sums are exact. ESTIMATED are requests
whose provider did not tell its usage, because the stream was cut or the client left. FAILED are
those that were not answered with 2xx or 3xx. Days and months are those of UTC.

exit codes: 0 done; 1 the policy has errors; 2 wrong options; 3 there is no such ledger
"""
_FILTERS: Final = ("tenant", "team", "key", "model", "served", "provider", "route", "gateway")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `usage` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="show who used what, and what it cost",
        description="Sum up the ledger: requests, tokens and cost by tenant, team, key, model, "
        "served (the provider's name of the model), provider, route, day, month, hour, status, "
        "endpoint, subject or gateway.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("show", "prune"),
        default="show",
        help="show usage (default), or delete old rows",
    )
    where = parser.add_argument_group("where the ledger is")
    where.add_argument(
        "--ledger",
        metavar="WHERE",
        help="sqlite:PATH, a postgresql:// URL, or env:NAME or file:PATH that holds one",
    )
    where.add_argument(
        "--policy", type=Path, metavar="POLICY", help="the policy whose ledger is asked"
    )
    where.add_argument(
        "--state",
        type=Path,
        default=STATE,
        metavar="FOLDER",
        help=f"the edge's state folder, in which an embedded ledger lies (default: {STATE})",
    )
    which = parser.add_argument_group("which requests")
    for name in _FILTERS:
        which.add_argument(
            f"--{name}", action="append", metavar="NAME", help=f"of this {name}; may be repeated"
        )
    which.add_argument(
        "--status", action="append", metavar="STATUS", help="such as 429, or 5xx for all of them"
    )
    which.add_argument("--since", metavar="TIME", help="a day, a time, or how long ago: 36h, 7d")
    which.add_argument("--until", metavar="TIME", help="up to this time, and without it")
    which.add_argument("--month", metavar="YYYY-MM", help="one month")
    what = parser.add_argument_group("what is shown")
    what.add_argument("--by", metavar="WHAT,...", help="what to sum up by (default: tenant)")
    what.add_argument("--rows", action="store_true", help="each request's row, and no sums")
    what.add_argument(
        "--prices", type=Path, metavar="POLICY", help="also what it would cost by a policy's prices"
    )
    what.add_argument(
        "--format", choices=("table", "csv", "json", "parquet"), default="table", help="and how"
    )
    what.add_argument("--output", type=Path, metavar="FILE", help="write to a file (parquet must)")
    parser.add_argument("--before", metavar="TIME", help="of `prune`: delete what began before")
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Ask the ledger and show its answer; raises CannotRunError where there is none."""
    from cli import usage_source

    plans: dict[Path, Plan] = {}
    for path in {args.policy, args.prices} - {None}:
        plan = _plan(path)
        if plan is None:
            return exits.POLICY
        plans[path] = plan
    if args.ledger is not None:
        source = usage_source.named(args.ledger)
    elif args.policy is not None:
        source = usage_source.of_policy(plans[args.policy], args.state)
    else:
        from ext_authz.ledger.sqlite import FILE

        source = usage_source.Source("sqlite", str(args.state / FILE))
    if args.action == "prune":
        return _prune(args, source)
    narrowed = _narrowed(args)
    if args.format == "parquet" and args.output is None:
        args.parser.error("--format parquet needs --output FILE")
    if args.rows:
        return _show_rows(args, source, narrowed)
    return _show_sums(args, source, narrowed, plans.get(args.prices))


def _show_rows(args: argparse.Namespace, source: Source, narrowed: Narrowed) -> int:
    from cli import usage_formats
    from ext_authz.ledger.columns import COLUMNS
    from ext_authz.ledger.query import rows
    from ext_authz.ledger.row import Row

    records = usage_formats.row_records(source.ask(rows(narrowed, source.dialect)))
    if args.format == "parquet":
        example = Row(id="", time=0)
        kinds: dict[str, type] = {name: type(getattr(example, name)) for name in COLUMNS}
        kinds["usd"] = str
        usage_formats.write_parquet(records, kinds, args.output)
        return exits.OK
    writers: dict[str, Callable[[IO[str]], None]] = {
        "csv": lambda out: usage_formats.write_csv(records, (*COLUMNS, "usd"), out),
        "json": lambda out: usage_formats.write_json(records, out),
        "table": lambda out: usage_formats.write_table(list(records), None, out),
    }
    return _write(args, writers[args.format])


def _show_sums(
    args: argparse.Namespace, source: Source, narrowed: Narrowed, priced: Plan | None
) -> int:
    from cli import usage_formats
    from ext_authz.ledger.query import DIMENSIONS, sums
    from ext_authz.ledger.totals import totals

    by = tuple((args.by or "tenant").split(","))
    wrong = [name for name in by if name not in DIMENSIONS]
    if wrong or len(set(by)) < len(by):
        args.parser.error(f"--by takes each of {', '.join(DIMENSIONS)} once")
    now = priced is not None
    question = sums(by, narrowed, source.dialect, ("provider", "served") if now else ())
    found = totals(source.ask(question), len(by), None if priced is None else _reprice(priced))
    records = usage_formats.sum_records(found, by, now=now)
    total = usage_formats.sum_record(found.total, now=now)
    names = (*by, *total)
    if args.format == "parquet":
        kinds = dict[str, type]({name: int if name == "status" else str for name in by})
        kinds |= {name: type(value) for name, value in total.items()}
        usage_formats.write_parquet(records, kinds, args.output)
        return exits.OK
    writers: dict[str, Callable[[IO[str]], None]] = {
        "csv": lambda out: usage_formats.write_csv(records, names, out),
        "json": lambda out: usage_formats.write_json(records, out),
        "table": lambda out: usage_formats.write_table(records, total, out),
    }
    return _write(args, writers[args.format])


def _write(args: argparse.Namespace, writer: Callable[[IO[str]], None]) -> int:
    with ExitStack() as stack:
        out: IO[str] = sys.stdout
        if args.output is not None:
            out = stack.enter_context(args.output.open("w", encoding="utf-8", newline=""))
        writer(out)
    return exits.OK


def _narrowed(args: argparse.Namespace) -> Narrowed:
    from cli.usage_times import moment, month
    from ext_authz.ledger.query import Narrowed

    now = datetime.now(UTC)
    since = until = None
    statuses: tuple[tuple[int, int], ...] = ()
    try:
        if args.month:
            since, until = month(args.month)
        since = moment(args.since, now) if args.since else since
        until = moment(args.until, now) if args.until else until
        statuses = tuple(_statuses(text) for text in args.status or ())
    except (ValueError, OverflowError) as error:
        args.parser.error(str(error))
    values = tuple((name, tuple(found)) for name in _FILTERS if (found := getattr(args, name)))
    return Narrowed(since, until, values, statuses)


def _statuses(text: str) -> tuple[int, int]:
    """Read `429`, or `4xx`."""
    if text.endswith("xx"):
        return int(text[:-2]) * 100, int(text[:-2]) * 100 + 99
    return int(text), int(text)


def _prune(args: argparse.Namespace, source: Source) -> int:
    import asyncio

    from cli.usage_times import moment
    from ext_authz.ledger.store import LedgerAwayError

    if args.before is None:
        args.parser.error("prune needs --before TIME")
    try:
        before = moment(args.before, datetime.now(UTC))
    except (ValueError, OverflowError) as error:
        args.parser.error(str(error))

    async def prune() -> int:
        store, deleted, count = source.store(), 0, -1
        try:
            while count:
                count = await store.prune(before, 2_000)
                deleted += count
        finally:
            await store.close()
        return deleted

    try:
        deleted = asyncio.run(prune())
    except LedgerAwayError as error:
        raise exits.CannotRunError(str(error)) from None
    print(f"{deleted} row{'' if deleted == 1 else 's'} deleted")
    return exits.OK


def _plan(path: Path) -> Plan | None:
    from cli.policy import existing, show
    from compiler.pipeline import compile_path

    compiled = compile_path(existing(path), until="plan")
    if not compiled.ok:
        show(compiled, "text", sys.stderr)
        return None
    return compiled.plan


def _reprice(plan: Plan) -> Reprice:
    """Price a target's tokens as a plan does, in nano-USD."""
    prices = {
        (target.provider, target.model): target.price
        for model in plan.models
        for group in model.groups
        for target in group.targets
    }

    def priced(target: tuple[str, str], tokens_in: int, output: int, cached: int) -> int | None:
        price = prices.get(target)
        if price is None:
            return None
        less = price.input if price.cached_input is None else price.cached_input
        pico = (tokens_in - cached) * price.input + cached * less + output * price.output
        return (pico + 500) // 1_000

    return priced
