"""A route's ``match``: which requests it takes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from policies.document import Document, Maybe, OneOrMore, keyed, one_of
from policies.values import HeaderName, Method, Regex, is_host, refuse, shown

_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_VARIABLE = re.compile(r"\{([^{}=]*)(?:=([^{}]*))?\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}")


def _check_path(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.startswith("/"):
        hint = f"write `/{value}`" if _PATH.fullmatch(f"/{value}") else "begin with `/`"
        refuse("bad-path", f"{shown(value)} does not begin with `/`", hint)
    if "?" in value or "#" in value:
        hint = "match query parameters with `query:`"
        refuse("bad-path", f"{shown(value)} holds more than a path", hint)
    if "{" in value or value.endswith("*"):
        hint = "patterns have keys of their own: `match: { template: ... }` or `{ regex: ... }`"
        refuse("bad-path", f"{shown(value)} holds a pattern", hint)
    if _PATH.fullmatch(value) is None:
        hint = "write characters outside of ASCII, and spaces, percent-encoded"
        refuse("bad-path", f"{shown(value)} is no path", hint)
    return value


def _check_template(value: Any) -> Any:
    """Check a URI template as Envoy's ``uri_template`` matcher reads it.

    Source: envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig.
    """
    if not isinstance(value, str):
        return value
    hint = "write `/users/{id}`, or `/files/{path=**}` for the rest of a path"
    names: list[str] = []
    for name, pattern in _VARIABLE.findall(value):
        if not _VARIABLE_NAME.fullmatch(name) or name in names:
            refuse("bad-template", f"`{{{name}}}` is no variable, or is there twice", hint)
        names.append(name)
        if pattern and not re.fullmatch(r"[A-Za-z0-9._~*/-]+", pattern):
            refuse("bad-template", f"`{{{name}={pattern}}}` has a pattern that cannot be", hint)
    if len(names) > 5:
        refuse("bad-template", "a template has at most 5 variables", hint)
    # Each variable is a piece of path: what it stands for is judged like what is written outside.
    flat = _VARIABLE.sub(lambda found: found[2] or "*", value)
    head, deep, tail = flat.partition("**")
    if "{" in flat or "}" in flat or _PATH.fullmatch(flat) is None:
        refuse("bad-template", f"{shown(value)} is no template", hint)
    if "*" in tail or "***" in flat or (deep and not head.endswith("/")):
        refuse("bad-template", f"nothing but text may follow `**` in {shown(value)}", hint)
    return value


def _path(check: Any, description: str, example: str) -> tuple[Any, ...]:
    schema = {
        "type": "string",
        "pattern": "^/",
        "maxLength": 2048,
        "description": description,
        "examples": [example],
    }
    return BeforeValidator(check), Field(max_length=2048), WithJsonSchema(schema)


PathText = Annotated[str, *_path(_check_path, "A path that begins with `/`.", "/orders")]
TemplateText = Annotated[
    str, *_path(_check_template, "A path with variables for whole segments.", "/users/{id}")
]

_CONDITIONS = ("exact", "prefix", "suffix", "contains", "regex", "present", "absent")
_Text = Annotated[str, Field(min_length=1, max_length=4096, examples=["beta"])]


class ValueMatchDocument(Document):
    """A condition on a header or a query parameter: exactly one key. A text is `exact`."""

    model_config = ConfigDict(json_schema_extra=one_of(_CONDITIONS))

    exact: Maybe[Annotated[str, Field(max_length=4096, examples=["beta"])]] = None
    """The whole value."""
    prefix: Maybe[_Text] = None
    """How the value begins."""
    suffix: Maybe[_Text] = None
    """How the value ends."""
    contains: Maybe[_Text] = None
    """What stands anywhere in the value."""
    regex: Maybe[Regex] = None
    """An expression that the whole value matches."""
    present: Maybe[Literal[True]] = None
    """There is one, whatever its value."""
    absent: Maybe[Literal[True]] = None
    """There is none."""


QueryName = Annotated[str, Field(min_length=1, max_length=256)]
ValueMatch = Annotated[
    ValueMatchDocument, keyed("exact", {"type": "string", "examples": ["beta"]}, str)
]
PATHS = ("path", "prefix", "regex", "template")


class MatchDocument(Document):
    """Which requests a route takes; all conditions must hold. A text is its `prefix`.

    At most one of `path`, `prefix`, `regex` and `template`; without any, all paths.
    """

    model_config = ConfigDict(json_schema_extra=one_of(PATHS, at_least=0))

    path: Maybe[PathText] = None
    """The whole path."""
    prefix: Maybe[PathText] = None
    """How the path begins, in whole segments: `/orders` takes `/orders/1` but not `/ordersx`."""
    regex: Maybe[Regex] = None
    """An expression that the whole path matches."""
    template: Maybe[TemplateText] = None
    """A path with variables: `/users/{id}`, `/files/{path=**}`."""
    method: OneOrMore[Method] = ()
    """The HTTP method, or several; all unless written."""
    headers: dict[HeaderName, ValueMatch] = Field(default_factory=dict)
    """Conditions on headers, by name."""
    query: dict[QueryName, ValueMatch] = Field(default_factory=dict)
    """Conditions on query parameters, by name; both as the URL has them, percent-encoded."""


Match = Annotated[
    MatchDocument, keyed("prefix", {"type": "string", "pattern": "^/", "examples": ["/v1"]}, str)
]


def _check_host_pattern(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    hint = "write `api.example.com` or `*.example.com`, without scheme and port"
    name = value.removeprefix("*.")
    if value == "*":
        refuse("bad-host", "`*` is every host", "leave `host` away, or write `*.example.com`")
    if not is_host(name) or ":" in name:
        refuse("bad-host", f"{shown(value)} is no host", hint)
    return value


HostPattern = Annotated[
    str,
    BeforeValidator(_check_host_pattern),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\*\.)?[A-Za-z0-9_.-]{1,253}$",
            "description": "A host name, or `*.` and a domain for all names below it.",
            "examples": ["api.example.com", "*.example.com"],
        }
    ),
]
