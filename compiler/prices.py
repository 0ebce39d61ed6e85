"""Shipped prices of models: looked up by where a provider's API is and by what it calls a model.

The data is ``data/prices.json``, written by ``compiler.prices_data`` from genai-prices, whose match
clauses are resolved here as that library does it: the first model of the table that matches, the
provider's other tables after its own, and a compact date (``-20240718``) as a dashed one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from compiler.plan_llm import Price, Url

_DEFAULT_PORTS = {"http": 80, "https": 443}
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the shipped data knows of a model; ``context_window`` is in tokens."""

    price: Price | None
    context_window: int | None


_UNKNOWN = Listed(None, None)


def listed(url: Url, model: str) -> Listed:
    """Look a model up at the provider whose API is at ``url``; what is unknown is None."""
    port = "" if url.port == _DEFAULT_PORTS.get(url.scheme) else f":{url.port}"
    origin = f"{url.scheme}://{url.host.lower()}"
    return _listed(origin, f"{port}{url.path}/", model.lower())


def known_models(url: Url) -> tuple[str, ...]:
    """Give the names of the models that the data has of the provider whose API is at ``url``."""
    port = "" if url.port == _DEFAULT_PORTS.get(url.scheme) else f":{url.port}"
    origin = f"{url.scheme}://{url.host.lower()}"
    return _known_models(origin, f"{port}{url.path}/")


@cache
def _known_models(origin: str, rest: str) -> tuple[str, ...]:
    providers = _data()["providers"]
    found = next((one for one in providers if _is_at(one["url"], origin, rest)), None)
    return () if found is None else tuple(row[0] for row in found["models"])


@cache
def _data() -> dict[str, Any]:
    """Read the table, once, and only if some model asks for a price."""
    text = files("compiler").joinpath("data/prices.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


@cache
def _listed(origin: str, rest: str, model: str) -> Listed:
    data = _data()
    provider = next((one for one in data["providers"] if _is_at(one["url"], origin, rest)), None)
    if provider is None:
        return _UNKNOWN
    row = _find(provider, model) or _find(provider, _dashed(model))
    if row is None:
        return _UNKNOWN
    name, _, spent, earned, cached, tiered, window = row
    if spent is None:
        return Listed(None, window)
    tier = ", first tier" if tiered else ""
    return Listed(Price(spent, earned, cached, f"{data['source']}: {name}{tier}"), window)


def _is_at(pattern: str, origin: str, rest: str) -> bool:
    """Tell whether a table's pattern, which matches how a URL begins, means this host.

    Patterns may leave out the end of a host (``api.moonshot.``), but not end within a label: then
    ``api.openai.com.example`` would be ``api.openai.com``.
    """
    found = re.match(pattern, origin + rest)
    return found is not None and (found.end() >= len(origin) or origin[found.end() - 1] == ".")


def _find(provider: dict[str, Any], model: str) -> list[Any] | None:
    for table in _tables(provider):
        for row in table:
            if _matches(row[1], model):
                found: list[Any] = row
                return found
    return None


def _tables(provider: dict[str, Any]) -> Iterator[list[list[Any]]]:
    """Give the provider's own models, then those of whom it resells."""
    yield provider["models"]
    others = provider.get("also", ())
    for name in others:
        yield from (one["models"] for one in _data()["providers"] if one["id"] == name)


def _matches(clause: Any, model: str) -> bool:
    if isinstance(clause, list):
        parts = (_matches(part, model) for part in clause[1:])
        return any(parts) if clause[0] == "|" else all(parts)
    sign, text = clause[0], clause[1:]
    match sign:
        case "=":
            return bool(model == text)
        case "^":
            return model.startswith(text)
        case "$":
            return model.endswith(text)
        case "*":
            return text in model
        case _:
            return re.search(text, model) is not None


def _dashed(model: str) -> str:
    """Spell a compact date as the data does: ``-20240718`` as ``-2024-07-18``."""

    def spell(found: re.Match[str]) -> str:
        try:
            date(*map(int, found.groups()))
        except ValueError:
            return found[0]
        return "-" + "-".join(found.groups())

    return _COMPACT_DATE.sub(spell, model)
