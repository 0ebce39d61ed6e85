"""Texts that must have a form: names, header names and values, methods."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from policies.refusal import refuse, shown


def _matching(
    code: str, pattern: str, what: str, hint: str, examples: list[str], longest: int
) -> tuple[BeforeValidator, WithJsonSchema]:
    """Make the validator and the schema of a string that must match a pattern."""
    compiled = re.compile(pattern)

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value  # pydantic says that it is no string
        if compiled.fullmatch(value) is None or len(value) > longest:
            refuse(code, f"{shown(value)} is no {what}", hint)
        return value

    schema = {
        "type": "string",
        "pattern": f"^(?:{pattern})$",
        "maxLength": longest,
        "description": f"{what[0].upper()}{what[1:]}: {hint}.",
        "examples": examples,
    }
    return BeforeValidator(check), WithJsonSchema(schema)


_NAME = _matching(
    "bad-name",
    r"[a-z0-9][a-z0-9-]*",
    "name",
    "small letters, digits and `-`, at most 63, beginning with a letter or a digit",
    ["orders", "eu-west-1"],
    63,
)
Name = Annotated[str, *_NAME]
"""The name of a listener, service, provider or route."""

_MODEL_NAME = _matching(
    "bad-name",
    r"[A-Za-z0-9][A-Za-z0-9._:/@-]*",
    "model name",
    "letters, digits and `. _ : / @ -`, at most 128, beginning with a letter or a digit",
    ["fast", "gpt-4o-mini"],
    128,
)
ModelName = Annotated[str, *_MODEL_NAME]
"""A name that clients may ask for as ``model``."""

_HEADER_NAME = _matching(
    "bad-header",
    r"[A-Za-z0-9!#$%&'*+.^_`|~-]+",
    "header name",
    "letters, digits and `-` (a token of RFC 9110), at most 256",
    ["x-request-source"],
    256,
)
HeaderName = Annotated[str, *_HEADER_NAME]
"""A header's name as people write it; compare it without regard to case."""

_HEADER_VALUE = _matching(
    "bad-header",
    r"[^\x00-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?|",
    "header value",
    "one line without control characters, nor spaces at its ends, at most 8192",
    ["edge"],
    8192,
)
HeaderValue = Annotated[str, *_HEADER_VALUE]
"""A header's value: printable, one line (RFC 9110, section 5.5)."""

_METHOD = _matching(
    "bad-method",
    r"[A-Z][A-Z-]*",
    "HTTP method",
    "capital letters, such as `GET`",
    ["GET", "POST"],
    32,
)
Method = Annotated[str, *_METHOD]
"""An HTTP method; methods are case-sensitive (RFC 9110, section 9.1)."""
