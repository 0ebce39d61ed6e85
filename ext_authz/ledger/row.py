"""A row of the ledger: what one request was, what it used and what it cost; made from a line.

Where the provider told its usage, the row says what it told. Where it did not (the stream was cut,
the client left), the row is an estimate and says so. A request that no provider answered used
nothing. Nothing of a prompt, an answer or a credential is in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from ext_authz.ledger.line import Line
from xds.edge import usage_line as line_

_MOST: Final = 1 << 62  # what a BIGINT holds, with room to add
_LONGEST: Final = 512
_NANO: Final = 1_000  # pico-USD


class NotARowError(ValueError):
    """A line that lacks what every request has."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``time`` is when it began, in ms since 1970; ``cost`` is in nano-USD.

    ``input`` holds cached tokens and ``output`` reasoning. ``first_ms`` is -1 where no answer
    began. ``subject`` is the user's name where one is known. Texts are empty where a request has
    none. ``price`` says whose prices those are, in pico-USD a token; all three are the version of
    the price by which the cost was worked out.
    """

    id: str
    time: int
    gateway: str = ""
    tenant: str = ""
    team: str = ""
    key: str = ""
    subject: str = ""
    auth: str = ""
    route: str = ""
    endpoint: str = ""
    method: str = ""
    model: str = ""
    served: str = ""
    provider: str = ""
    attempts: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: int = 0
    price: str = ""
    input_price: int = 0
    output_price: int = 0
    told: bool = False
    estimated: bool = False
    status: int = 0
    flags: str = ""
    details: str = ""
    ms: int = 0
    first_ms: int = -1
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens and nano-USD; ``told`` by the provider, ``estimated`` by us, or neither: nothing."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: int = 0
    told: bool = False
    estimated: bool = False


NOTHING: Final = Used()


def row(line: Line, place: str, gateway: str = "") -> Row:
    """Make the row of a line; ``place`` stands for the id of a request that has none.

    Raises NotARowError for a line whose time is none.
    """
    used = usage(line)
    served = used is not NOTHING
    return Row(
        id=_text(line, line_.ID) or place,
        time=_time(line),
        gateway=gateway,
        tenant=_text(line, line_.TENANT),
        team=_text(line, line_.TEAM),
        key=_text(line, line_.KEY),
        subject=_text(line, line_.USER),
        auth=_text(line, line_.AUTH),
        route=_text(line, line_.ROUTE),
        endpoint=_text(line, line_.ENDPOINT),
        method=_text(line, line_.METHOD),
        model=_text(line, line_.MODEL),
        served=_text(line, line_.SERVED),
        provider=_text(line, line_.PROVIDER),
        attempts=_number(line, line_.ATTEMPTS),
        input=used.input,
        output=used.output,
        cached=used.cached,
        reasoning=used.reasoning,
        cost=used.cost,
        price=_text(line, line_.PRICE) if served else "",
        input_price=_number(line, line_.INPUT_PRICE) if served else 0,
        output_price=_number(line, line_.OUTPUT_PRICE) if served else 0,
        told=used.told,
        estimated=used.estimated,
        status=_number(line, line_.STATUS),
        flags=_text(line, line_.FLAGS),
        details=_text(line, line_.DETAILS),
        ms=_number(line, line_.DURATION),
        first_ms=_number(line, line_.FIRST, -1),
        bytes_in=_number(line, line_.BYTES_IN),
        bytes_out=_number(line, line_.BYTES_OUT),
    )


def usage(line: Line) -> Used:
    """Work out what a request used: as it was told, or else estimated, or nothing."""
    if not _answered(line):
        return NOTHING
    told = _flag(line, line_.TOLD)
    said = _number(line, line_.OUTPUT)
    output = said if told else max(said, _number(line, line_.SEEN))
    # Anthropic's streams tell their input at the start.
    tokens_in = _number(line, line_.INPUT if line_.INPUT in line else line_.ESTIMATE)
    return Used(
        input=tokens_in,
        output=output,
        cached=min(_number(line, line_.CACHED), tokens_in),
        reasoning=min(_number(line, line_.REASONING), output),
        cost=_cost(line, tokens_in, output, said),
        told=told,
        estimated=not told,
    )


def _answered(line: Line) -> bool:
    """Tell whether a provider has taken the request up: it answers 2xx, or its client has left."""
    if not line.get(line_.PROVIDER):
        return False
    status = _number(line, line_.STATUS)
    return 200 <= status < 300 or (status == 0 and "DC" in _text(line, line_.FLAGS).split(","))


def _cost(line: Line, tokens_in: int, output: int, said: int) -> int:
    """Take the cost that was worked out beside the provider, which knows what cached input costs.

    Output that it did not know of comes on top; without a word of it, all is at the full price.
    """
    earned = _number(line, line_.OUTPUT_PRICE)
    if line_.COST in line:
        return min(_number(line, line_.COST) + _nano((output - said) * earned), _MOST)
    return min(_nano(tokens_in * _number(line, line_.INPUT_PRICE) + output * earned), _MOST)


def _nano(pico: int) -> int:
    return (pico + _NANO // 2) // _NANO


def _text(line: Line, name: str) -> str:
    """Give a member as a text that every store takes, of bounded length."""
    value = line.get(name)
    if value is None or value == "-":  # Envoy's own word for nothing
        return ""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST and "\0" not in text else text[:_LONGEST].replace("\0", "")


def _number(line: Line, name: str, absent: int = 0) -> int:
    """Give a whole number that is not below 0, written as a number or as its text."""
    value = line.get(name)
    if value is None:
        return absent
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return absent
    if isinstance(value, float):
        value = int(value) if abs(value) < _MOST else None
    if not isinstance(value, int) or isinstance(value, bool):
        return absent
    return max(0, min(value, _MOST))


def _flag(line: Line, name: str) -> bool:
    return line.get(name) in (True, "true")


def _time(line: Line) -> int:
    try:
        begun = datetime.fromisoformat(line[line_.TIME])
        return int(begun.timestamp()) * 1_000 + begun.microsecond // 1_000
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotARowError("a line without a time") from error
