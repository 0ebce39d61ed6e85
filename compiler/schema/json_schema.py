"""The language as JSON Schema, made from the same documents that the compiler checks with.

Draft 2020-12. Where a shorthand may stand for a mapping, both are offered. What needs more than one
value to judge (names that lead nowhere, weights, shadows) is the compiler's alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from compiler.schema.examples import with_examples
from compiler.schema.gateway import GatewayDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Give the schema of a policy file.

    No key is required at the top: a file may be one of a folder, which says them somewhere.
    """
    schema = GatewayDocument.model_json_schema(schema_generator=_Written)
    del schema["required"]
    written = with_examples(_without_titles(schema))
    return {"$schema": DIALECT, "title": "Gatewright policy", **written}


class _Written(GenerateJsonSchema):
    """Says defaults as people write them, and none where a key may only be left away."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Spell the default; None stands for a key that was left away, and is not to be written."""
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or isinstance(default, tuple | dict | BaseModel):
            return inner
        written = _written(default, inner)
        # A default beside `$ref` is allowed since draft 2019-09.
        return {**inner, "default": written}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Refuse names that do not have the form of a name; pydantic would only not check them."""
        written = super().dict_schema(schema)
        if "patternProperties" in written:
            written["additionalProperties"] = False
            longest = written.pop("propertyNames", {}).get("maxLength")
            if longest is not None:
                written["propertyNames"] = {"maxLength": longest}
        return written


def _written(default: Any, inner: JsonSchemaValue) -> Any:
    """Spell a default value as it would be written in a policy."""
    if isinstance(default, timedelta):
        milliseconds = default // timedelta(milliseconds=1)
        for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
            if milliseconds and milliseconds % size == 0:
                return f"{milliseconds // size}{unit}"
        return f"{milliseconds}ms" if milliseconds else "none"
    if isinstance(default, int) and not isinstance(default, bool) and inner.get("type") == "string":
        if "%" in inner.get("pattern", ""):
            return f"{default}%"
        for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
            if default % size == 0:
                return f"{default // size} {unit}"
        return f"{default} B"
    return default.value if hasattr(default, "value") else default


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """Drop the titles that pydantic makes of names: editors show the name already.

    ``names`` says that the keys are names of properties, of which one may well be ``title``.
    """
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names=key in ("properties", "$defs") and not names)
        for key, value in schema.items()
        if names or key != "title"
    }
