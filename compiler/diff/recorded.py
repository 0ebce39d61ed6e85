"""What was used, as `gatewright usage` exports it: sums or rows, in JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from compiler.diff.references import Table

_WANTED = ("tenant", "model", "input", "output")
_HINT = (
    "write it with `gatewright usage --by tenant,model,route,provider,served --format json`, "
    "or with `--rows`"
)


class NoUsageError(ValueError):
    """The text is no export of usage, or lacks what is needed; ``hint`` says how to make one."""

    hint = _HINT


@dataclass(frozen=True, slots=True)
class Used:
    """What one group of requests used: tokens, and the cost that was recorded, in nano-USD.

    ``cached`` are among ``input``. Names are empty where the export does not tell them.
    """

    tenant: str
    model: str
    route: str
    provider: str
    served: str
    requests: int
    input: int
    output: int
    cached: int
    cost: int


def read_usage(text: str) -> tuple[Used, ...]:
    """Read an export; raise NoUsageError."""
    records = _json(text) if text.lstrip()[:1] in ("[", "{") else _csv(text)
    found: dict[tuple[str, ...], list[int]] = {}
    for number, record in enumerate(records, start=1):
        missing = [name for name in _WANTED if name not in record]
        if missing:
            raise NoUsageError(f"record {number} of this export has no `{missing[0]}`")
        key = tuple(
            _name(record, name) for name in ("tenant", "model", "route", "provider", "served")
        )
        amounts = [_number(record, "requests", number, usual=1)]
        amounts += [_number(record, name, number) for name in ("input", "output", "cached", "cost")]
        sums = found.setdefault(key, [0] * 5)
        for place, amount in enumerate(amounts):
            sums[place] += amount
    return tuple(_used(key, sums) for key, sums in sorted(found.items()))


def called_now(used: Used, table: Table) -> Used:
    """Give the same with the names that things have in the later plan."""
    if not table:
        return used
    names = {
        field: table.get(section, {}).get(getattr(used, field), getattr(used, field))
        for field, section in _SECTIONS.items()
    }
    return replace(used, **names)


_SECTIONS = {"tenant": "tenants", "route": "routes", "provider": "providers"}
"""A model that is called otherwise was asked for by its old name, which is refused now."""


def _used(key: tuple[str, ...], sums: list[int]) -> Used:
    tenant, model, route, provider, served = key
    requests, tokens_in, output, cached, cost = sums
    return Used(tenant, model, route, provider, served, requests, tokens_in, output, cached, cost)


def _json(text: str) -> Iterable[dict[str, Any]]:
    try:
        loaded = json.loads(text)
    except ValueError:
        try:
            loaded = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise NoUsageError(f"this is no JSON: {error}") from None
    if isinstance(loaded, dict):
        loaded = [loaded]
    if not isinstance(loaded, list) or not all(isinstance(one, dict) for one in loaded):
        raise NoUsageError("this JSON is no list of records")
    return loaded


def _csv(text: str) -> Iterable[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


def _name(record: dict[str, Any], name: str) -> str:
    value = str(record.get(name) or "")
    # As spreadsheets are kept from running what a client named itself.
    return value[1:] if value[:1] == "'" and value[1:2] in "=+-@\t\r" else value


def _number(record: dict[str, Any], name: str, number: int, usual: int = 0) -> int:
    value = record.get(name, usual)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise NoUsageError(f"record {number}: `{name}` is {value!r}, and no number") from None
