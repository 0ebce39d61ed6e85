"""A line of the access log: what Envoy told of one request when it had ended, as JSON.

The members are those that `compiler.lower.llm.access_log` writes; what a request does not have is
left out, and a number may come as a number or as its text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class NotALineError(ValueError):
    """The text is no line of our access log; the message says why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it was recorded; what is not known is empty, or None.

    ``upstream`` is a service (of a request for a model, a name of Envoy's); ``model`` is what the
    client asked for, ``target`` the one that was tried last as
    ``provider/model``; ``failure`` is why an attempt failed last, also where a later one answered.
    """

    id: str
    at: datetime | None
    route: str
    method: str
    path: str
    host: str
    client: str
    status: int | None
    details: str = ""
    upstream: str = ""
    model: str | None = None
    target: str = ""
    attempts: int = 0
    failure: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int | None = None
    tenant: str = ""
    team: str = ""
    key: str = ""
    user: str = ""
    auth: str = ""


def parse_line(text: str | bytes) -> Recorded:
    """Read one line.

    Raises:
        NotALineError: it is no JSON, no object, or does not say method and path.
    """
    try:
        said = json.loads(text)
    except ValueError:
        raise NotALineError("it is no JSON") from None
    except RecursionError:
        raise NotALineError("it is nested too deeply") from None
    if not isinstance(said, dict):
        raise NotALineError("it is no JSON object")
    if "endpoint" in said and "id" in said:
        raise NotALineError("it is of the usage log: what is read here is Envoy's access log")
    method, path = _text(said, "method"), _text(said, "path")
    if not method or not path:
        raise NotALineError("it has no method and path, as lines of the access log do")
    attempts = _number(said, "attempts") or 0
    provider, name = _text(said, "gen_ai.provider.name"), _text(said, "upstream_model")
    # Of a request that was refused, Envoy tells where it would have gone.
    reached = attempts > 0
    asked = "gen_ai.request.model"
    return Recorded(
        id=_text(said, "request_id"),
        at=_time(said),
        route=_text(said, "route"),
        method=method,
        path=path,
        host=_text(said, "host"),
        client=_text(said, "client"),
        status=_number(said, "status") or None,
        details=_text(said, "details"),
        upstream=_text(said, "upstream").removeprefix("service/") if reached else "",
        model=_text(said, asked) if isinstance(said.get(asked), str) else None,
        target=f"{provider}/{name}" if reached and provider and name else "",
        attempts=attempts,
        failure=_text(said, "failure"),
        input_tokens=_number(said, "gen_ai.usage.input_tokens") or 0,
        output_tokens=_number(said, "gen_ai.usage.output_tokens") or 0,
        cost_nano_usd=_number(said, "cost_nano_usd"),
        tenant=_text(said, "tenant"),
        team=_text(said, "team"),
        key=_text(said, "key"),
        user=_text(said, "user"),
        auth=_text(said, "auth"),
    )


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    # Half a pair of surrogates is text to JSON, and no character.
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _number(said: Mapping[str, Any], key: str) -> int | None:
    value = said.get(key)
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _time(said: Mapping[str, Any]) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(said, "time"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
