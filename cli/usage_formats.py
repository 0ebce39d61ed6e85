"""Sums and rows of a ledger as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from cli import exits
from cli.usage_times import written
from ext_authz.ledger.columns import COLUMNS
from ext_authz.ledger.totals import Sum, Totals, usd

Record = dict[str, Any]

FLAGS: Final = ("told", "estimated")
_TEXT: Final = "VARCHAR"
_KINDS: Final = {bool: "BOOLEAN", int: "BIGINT", str: _TEXT}


def sum_records(found: Totals, by: Sequence[str], *, now: bool) -> list[Record]:
    """Give each group as a record: its dimensions, counts, tokens, and cost in both units."""
    return [
        {**dict(zip(by, group, strict=True)), **sum_record(one, now=now)}
        for group, one in found.groups
    ]


def sum_record(one: Sum, *, now: bool) -> Record:
    """Give a sum as a record; ``now`` adds what it would cost by the prices that were asked for."""
    record: Record = {
        "requests": one.requests,
        "failed": one.failed,
        "estimated": one.estimated,
        "input": one.input,
        "output": one.output,
        "cached": one.cached,
        "reasoning": one.reasoning,
        "cost": one.cost,
        "usd": usd(one.cost),
        "prices": "; ".join(sorted(one.prices)),
    }
    if now:
        record |= {"cost_now": one.now, "usd_now": usd(one.now), "unpriced": one.unpriced}
    return record


def row_records(rows: Iterable[Sequence[Any]]) -> Iterator[Record]:
    """Give each row as a record: the time in words, flags as such."""
    for row in rows:
        record = dict(zip(COLUMNS, row, strict=True))
        record["time"] = written(record["time"])
        for flag in FLAGS:
            record[flag] = bool(record[flag])
        record["usd"] = usd(record["cost"])
        yield record


def write_table(records: Sequence[Record], total: Record | None, out: IO[str]) -> None:
    """Write columns as wide as they have to be, numbers to the right, and the total last."""
    lines = [*records] if total is None else [*records, total]
    names = list(records[0] if records else total or {})
    shown = [name for name in names if name not in ("cost", "cost_now")]
    cells = [[name.upper().replace("_", " ") for name in shown]]
    cells += [[_cell(line.get(name, "")) for name in shown] for line in lines]
    if total is not None and shown and shown[0] not in total:
        cells[-1][0] = "total"
    right = [any(_is_number(name, line.get(name)) for line in lines) for name in shown]
    widths = [max(len(line[at]) for line in cells) for at in range(len(shown))]
    for line in cells:
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        )
        print("  ".join(padded).rstrip(), file=out)


def write_csv(records: Iterable[Record], names: Sequence[str], out: IO[str]) -> None:
    """Write RFC 4180 with a header; a text that a spreadsheet would run is a text."""
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_inert(record[name]) for name in names] for record in records)


def write_json(records: Iterable[Record], out: IO[str]) -> None:
    """Write an array, one record a line, as they come."""
    before = "[\n"
    for record in records:
        out.write(before + json.dumps(record, ensure_ascii=False))
        before = ",\n"
    out.write("[]\n" if before == "[\n" else "\n]\n")


def write_parquet(records: Iterable[Record], kinds: dict[str, type], path: Path) -> None:
    """Write a Parquet file with DuckDB; numbers stay whole, times are timestamps."""
    try:
        import duckdb
    except ImportError:
        raise exits.CannotRunError(
            "Parquet is written by DuckDB, which is not installed",
            hint="pip install 'gatewright[parquet]'",
        ) from None
    columns = {name: _KINDS[kind] for name, kind in kinds.items()}
    if "time" in columns:
        columns["time"] = "TIMESTAMP"
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.json"
        with lines.open("w", encoding="utf-8") as out:
            for record in records:
                out.write(json.dumps({**record, **_plain_time(record)}) + "\n")
        with duckdb.connect() as connection:
            spelled = ", ".join(f"\"{name}\": '{kind}'" for name, kind in columns.items())
            connection.execute(
                f"COPY (SELECT * FROM read_json($lines, format = 'newline_delimited', "  # noqa: S608 - names of our own
                f"columns = {{{spelled}}})) TO {_literal(path)} (FORMAT parquet)",
                {"lines": str(lines)},
            )


def _plain_time(record: Record) -> Record:
    return {"time": record["time"].removesuffix("Z")} if "time" in record else {}


def _literal(path: Path) -> str:
    """Write a path as SQL does: COPY takes no parameter there."""
    return "'" + str(path).replace("'", "''") + "'"


def _cell(value: Any) -> str:
    text = str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _is_number(name: str, value: Any) -> bool:
    return isinstance(value, int) or name.startswith("usd")


def _inert(value: Any) -> Any:
    """Keep a spreadsheet from running what a client named itself."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
