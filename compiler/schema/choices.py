"""What is chosen by name, glob or tag: models and routes of a tenant, tenants of a route."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from policies.values import Name, refuse, shown

TAG = "tag:"
"""What a choice by tag begins with."""

Tag = Annotated[
    Name,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9-]*$",
            "maxLength": 63,
            "description": "A tag: small letters, digits and `-`.",
            "examples": ["eu", "gold"],
        }
    ),
]
"""A tag of a model, a route or a tenant."""

_LONGEST = 128


def _choice(pattern: str, what: str, examples: list[str]) -> tuple[Any, ...]:
    """Make the validator and the schema of a name, glob or tag."""
    whole = rf"(?:{TAG}[a-z0-9][a-z0-9-]*|{pattern})"
    compiled = re.compile(whole)
    hint = f"write a {what}, a glob such as `{examples[-1]}`, or `tag:NAME`"

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value  # pydantic says that it is no string
        if compiled.fullmatch(value) is None or len(value) > _LONGEST:
            refuse("bad-choice", f"{shown(value)} is no {what}, glob or tag", hint)
        return value

    schema = {
        "type": "string",
        "pattern": f"^{whole}$",
        "maxLength": _LONGEST,
        "description": f"A {what}, a glob (`*` stands for any run of characters) or `tag:NAME`.",
        "examples": examples,
    }
    return BeforeValidator(check), WithJsonSchema(schema)


ModelChoice = Annotated[
    str, *_choice(r"[A-Za-z0-9*][A-Za-z0-9._:/@*-]*", "model", ["fast", "tag:eu", "gpt-*"])
]
"""Models, by a name (or another name of them), a glob or a tag."""

RouteChoice = Annotated[
    str, *_choice(r"[a-z0-9*][a-z0-9*_-]*", "route", ["orders", "tag:internal", "shop-*"])
]
"""Routes, by their name, a glob or a tag."""

TenantChoice = Annotated[
    str, *_choice(r"[a-z0-9*][a-z0-9*-]*", "tenant", ["acme", "tag:gold", "eu-*"])
]
"""Tenants, by their name, a glob or a tag."""
