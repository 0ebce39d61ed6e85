"""The docs of a key, as Markdown: what it is for, its default, how it may be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def key_docs(schema: Mapping[str, Any], *, required: bool = False) -> str:
    """Give what an editor shows of a key."""
    parts = [str(schema.get("description", "")).replace("``", "`")]
    if required:
        parts.append("Required.")
    elif schema.get("default") not in (None, "", [], {}):
        parts.append(f"Default: `{spelled(schema['default'])}`")
    examples = [f"`{spelled(example)}`" for example in schema.get("examples", ())]
    if examples:
        parts.append("For example " + ", ".join(examples))
    return "\n\n".join(part for part in parts if part)


def spelled(value: Any) -> str:
    """Spell a value as YAML on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {spelled(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(spelled(one) for one in value)}]"
    return json.dumps(value)
