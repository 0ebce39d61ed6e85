"""What the gateway reads of a request's body: the model, and whether a stream is wanted.

Source: Envoy's json_to_metadata filter, which parses with nlohmann/json: UTF-8, no comments, no
NaN, and integers of 64 bits with a sign; of members with the same name the last one counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

MISSING: Final = "missing"
MALFORMED: Final = "malformed"

_JSON_TYPE: Final = re.compile(
    r"application/(?:json|[a-z0-9.+-]+\+json)[ \t]*(?:;.*)?", re.IGNORECASE
)
_FORM_TYPE: Final = re.compile(r"multipart/form-data[ \t]*;.*boundary=.+", re.IGNORECASE)
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_NAME: Final = re.compile(rb'[;\s]name=(?:"([^"]*)"|([^;\s"]+))', re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"\r\ncontent-disposition:([^\r\n]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """``model`` is empty where none is named; ``problem`` then says why, as far as it is known."""

    model: str = ""
    problem: str = ""
    stream: bool = False


def is_json_type(content_type: str) -> bool:
    """Tell whether a content type is taken for JSON."""
    return _JSON_TYPE.fullmatch(content_type) is not None


def is_form_type(content_type: str) -> bool:
    """Tell whether a content type is taken for a form."""
    return _FORM_TYPE.fullmatch(content_type) is not None


def read_json(body: bytes) -> Body:
    """Read a JSON body."""
    if not body:
        return Body(problem=MISSING)
    try:
        told = json.loads(
            body.decode("utf-8").removeprefix("\ufeff"),
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_float,
        )
        json.dumps(told, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return Body(problem=MALFORMED)
    if not isinstance(told, dict):
        return Body(problem=MISSING)
    model = told.get("model")
    stream = told.get("stream") is True
    if not isinstance(model, str) or not model:
        return Body(problem="" if model else MISSING, stream=stream)
    return Body(model, stream=stream)


def read_form(body: bytes, content_type: str) -> Body:
    """Read the model of a form (RFC 7578); of several fields of that name the last one counts."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return Body(problem=MISSING)
    line = b"--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
    values: list[bytes] = []
    parts = re.split(rb"(?:^|\r\n)" + re.escape(line) + rb"(?=[\r\- \t])", body)
    for part in parts[1:-1]:
        if part.startswith(b"--"):
            break
        head, blank, value = part.partition(b"\r\n\r\n")
        told = _DISPOSITION.search(head + b"\r\n")
        name = None if told is None else _NAME.search(told[1])
        if blank and name is not None and (name[1] or name[2]) == b"model":
            values.append(value)
    if not values:
        return Body(problem=MISSING)
    return Body(values[-1].decode("utf-8", "replace"))


def _refuse(_text: str) -> NoReturn:
    raise ValueError("no JSON")


def _integer(text: str) -> Any:
    value = int(text) if len(text) < 400 else _refuse(text)
    if 1 << 63 <= value < 1 << 64:
        raise ValueError("larger than any integer that is read")
    return value


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("larger than any number that is read")
    return value
