"""The plan as JSON Schema: what `compile --emit plan --json` prints, made of the plan's classes.

Draft 2020-12, for those who hold plans to rules of their own (OPA, conftest, jq). It follows
`compiler.dump`: enums are words, durations texts such as ``20s``, secrets where they lie, and
places in the text are left out.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from compiler.dump import UNWRITTEN, USUAL
from compiler.plan import Plan
from compiler.plan_policies import Applied
from compiler.schema.json_schema import DIALECT
from policies.base import PolicyKind
from policies.field_docs import docs_below
from policies.registry import KINDS
from policies.secret import SecretRef

Schema = dict[str, Any]

_SCALARS: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    timedelta: {"type": "string", "pattern": "^[0-9]+(h|m|s|ms|us)$"},
    datetime: {"type": "string", "description": "A moment in UTC, as policies write it."},
    bytes: {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
    SecretRef: {"type": "string", "description": "Where a secret lies; never what it says."},
}


def plan_schema() -> Schema:
    """Give the schema of a printed plan."""
    made = _Made()
    made.of(Plan)
    root = made.definitions.pop("Plan")
    root["properties"]["envoy"] = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"}
    del root["properties"]["lanes"]
    root["required"] = [
        key for key in root["properties"] if key not in UNWRITTEN and key not in USUAL
    ]
    return {"$schema": DIALECT, "title": "Gatewright plan", **root, "$defs": made.definitions}


class _Made:
    """The definitions made so far, by the names of their classes."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """Give the schema of a type; classes become definitions."""
        if kind in _SCALARS:
            return dict(_SCALARS[kind])
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(one) for one in inner]}
        if origin is tuple and inner[-1] is Ellipsis:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is tuple:
            pieces = [self.of(one) for one in inner]
            return {"type": "array", "prefixItems": pieces, "items": False}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [member.value for member in kind]}
        if kind is Applied:
            return self._applied()
        if dataclasses.is_dataclass(kind) or isinstance(kind, type(msgspec.Struct)):
            return self._record(kind)
        raise TypeError(f"a plan holds {kind}, of which there is no schema")

    def _record(self, kind: Any) -> Schema:
        name = kind.__name__
        # Two classes may have one name: the policy's redaction, and the edge's.
        while name in self.definitions and self.definitions[name].get("$comment") != _path(kind):
            name = f"{name}Rules"
        if name not in self.definitions:
            self.definitions[name] = {"$comment": _path(kind)}  # for those who refer to themselves
            self.definitions[name] |= self._object(kind)
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, kind: Any) -> Schema:
        hints = get_type_hints(kind)
        if dataclasses.is_dataclass(kind):
            fields = [field.name for field in dataclasses.fields(kind) if field.compare]
        else:
            fields = list(kind.__struct_fields__)
        docs = docs_below(kind)
        properties = {}
        for field in fields:
            properties[field] = self.of(hints[field])
            if field in docs:
                properties[field]["description"] = docs[field]
        return {
            "type": "object",
            "description": inspect.cleandoc(kind.__doc__ or ""),
            "properties": properties,
            "required": fields,
            "additionalProperties": False,
        }

    def _applied(self) -> Schema:
        """Give the policies of a thing: each kind with a plan of its own."""
        if "Applied" not in self.definitions:
            self.definitions["Applied"] = {}
            self.definitions["Applied"] = {
                "description": inspect.cleandoc(Applied.__doc__ or ""),
                # Any: on listeners and on upstreams `tls` are two.
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "kind": {"const": kind.name},
                            "plan": self.of(_planned(kind)),
                        },
                        "required": ["kind", "plan"],
                        "additionalProperties": False,
                    }
                    for kind in KINDS
                ],
            }
        return {"$ref": "#/$defs/Applied"}


def _planned(kind: PolicyKind[Any]) -> Any:
    """Give the class of a policy kind's plan: what makes it, or what that returns."""
    if isinstance(kind.plan, type):
        return kind.plan
    return get_type_hints(kind.plan)["return"]


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
