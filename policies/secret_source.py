"""Where a secret lies, as policies write it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from policies.refusal import refuse

_ENV_NAME = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_FILE_PATH = re.compile(r"file:[^\x00-\x1f\x7f]+")


def parse_secret_source(value: Any) -> str:
    """Read where a secret lies: ``env:NAME`` or ``file:PATH``. What else is written is not echoed.

    Raises:
        PydanticCustomError: ``inline-secret`` for any other text, since it may be the secret;
            ``bad-secret-source`` for a malformed reference and for what is no text.
    """
    hint = "name where it lies: `env:NAME` or `file:path/to/it`"
    if not isinstance(value, str):
        refuse("bad-secret-source", "a secret is named by its source", hint)
    if _ENV_NAME.fullmatch(value) or _FILE_PATH.fullmatch(value):
        return value
    if value.startswith(("env:", "file:")):
        refuse("bad-secret-source", "this names no variable and no file", hint)
    hint = f"{hint}; if this is a real secret and was committed, replace it at its issuer"
    return refuse("inline-secret", "a policy holds no secrets, only where they lie", hint)


SecretSource = Annotated[
    str,
    BeforeValidator(parse_secret_source),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
            "description": "Where a secret lies: `env:NAME` or `file:PATH`; never the secret.",
            "examples": ["env:OPENAI_API_KEY", "file:secrets/openai"],
        }
    ),
]
"""``env:NAME`` or ``file:PATH``."""
