"""Write ``compiler/data/prices.json`` from the installed ``genai-prices`` (a development tool).

Run ``python -m compiler.prices_data`` after upgrading genai-prices, and commit the file. It exists
because importing genai-prices takes longer than a whole ``check``: the file holds what prices need
and nothing else. Prices that change by date are those of the day of writing, which the file names;
prices that change by the time of day are those without a condition; prices with tiers are those of
the first tier, marked as such.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "data" / "prices.json"
FORMAT = 1


def table(as_of: date) -> dict[str, Any]:
    """Make the whole table as of a day; needs genai-prices."""
    from genai_prices.data import providers

    return {
        "format": FORMAT,
        "source": f"genai-prices {version('genai-prices')}",
        "as_of": as_of.isoformat(),
        "providers": [_provider(provider, as_of) for provider in providers],
    }


def write(contents: dict[str, Any], path: Path = PATH) -> None:
    """Write the table, one model a line, so that an upgrade shows what changed."""
    lines = ["{"]
    lines += [f" {json.dumps(key)}: {json.dumps(contents[key])}," for key in ("format", "source")]
    lines.append(f' "as_of": {json.dumps(contents["as_of"])},')
    lines.append(' "providers": [')
    providers = contents["providers"]
    for place, provider in enumerate(providers):
        head = {key: value for key, value in provider.items() if key != "models"}
        lines.append(f'  {json.dumps(head)[:-1]}, "models": [')
        models = [json.dumps(model, separators=(",", ":")) for model in provider["models"]]
        lines += [f"   {model}," for model in models[:-1]] + [
            f"   {model}" for model in models[-1:]
        ]
        lines.append("  ]}" + ("," if place + 1 < len(providers) else ""))
    lines += [" ]", "}", ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def _provider(provider: Any, as_of: date) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": provider.id, "url": provider.api_pattern}
    if provider.fallback_model_providers:
        entry["also"] = list(provider.fallback_model_providers)
    rows = (_model(model, as_of) for model in provider.models)
    entry["models"] = [row for row in rows if row is not None]
    return entry


def _model(model: Any, as_of: date) -> list[Any] | None:
    """Give ``[id, match, input, output, cached input, tiered, context window]``.

    None for what is not priced by the tokens of its input, such as images and speech; but see
    that a later, wider match does not take its name: the row then stands without prices.
    """
    prices = _active(model.prices, as_of)
    money = [getattr(prices, key) for key in ("input_mtok", "output_mtok", "cache_read_mtok")]
    tiered = any(hasattr(price, "base") for price in money)
    spent, earned, cached = (_pico(price) for price in money)
    if spent is not None and earned is None:
        earned = 0  # embeddings: nothing is generated
    return [
        model.id,
        _match(model.match),
        spent,
        earned if spent is not None else None,
        cached if spent is not None else None,
        int(tiered),
        model.context_window,
    ]


def _active(prices: Any, as_of: date) -> Any:
    """Give the last price that is without condition, or begun; as genai-prices resolves dates."""
    if not isinstance(prices, list):
        return prices
    chosen = prices[0].prices
    for conditional in prices:
        begins = getattr(conditional.constraint, "start_date", None)
        if conditional.constraint is None or (begins is not None and begins <= as_of):
            chosen = conditional.prices
    return chosen


def _pico(price: Any) -> int | None:
    """Turn USD/1M tokens into pico-USD a token, to the nearest."""
    if price is None:
        return None
    value: Decimal = getattr(price, "base", price)
    return int((value * 1_000_000).quantize(Decimal(1), ROUND_HALF_EVEN))


_SIGNS = {"equals": "=", "starts_with": "^", "ends_with": "$", "contains": "*", "regex": "~"}


def _match(clause: Any) -> Any:
    """Spell a match clause: ``=gpt-4o``, ``^claude-3``; ``["|", ...]`` is any of, ``&`` all of."""
    for key, sign in _SIGNS.items():
        text = getattr(clause, key, None)
        if text is not None:
            return sign + (text if key == "regex" else text.lower())
    parts: Iterable[Any] = getattr(clause, "or_", None) or clause.and_
    return ["|" if hasattr(clause, "or_") else "&", *map(_match, parts)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; ``--as-of`` makes that of another day."""
    parser = argparse.ArgumentParser(prog="python -m compiler.prices_data", description=__doc__)
    today = datetime.now(UTC).date()
    parser.add_argument("--as-of", type=date.fromisoformat, default=today, metavar="YYYY-MM-DD")
    write(table(parser.parse_args(arguments).as_of))
    return 0


if __name__ == "__main__":
    sys.exit(main())
