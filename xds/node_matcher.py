"""Which nodes a CSDS request is about: envoy.type.matcher.v3.NodeMatcher.

Source: envoy/type/matcher/v3/{node,struct,value,string,number}.proto. Regular expressions are
refused: the API means RE2's, and Python's may take for ever.
"""

from __future__ import annotations

from typing import Any

from xds.schema import envoy

_Matcher = envoy.type.matcher.v3.NodeMatcher


class UnsupportedMatcherError(ValueError):
    """A matcher that is not understood; the text names the field."""


def matches(node: envoy.config.core.v3.Node, matcher: envoy.type.matcher.v3.NodeMatcher) -> bool:
    """Tell whether a node has the id and all of the metadata; raises UnsupportedMatcherError."""
    if matcher.HasField("node_id") and not _string(node.id, matcher.node_id):
        return False
    return all(_struct(node.metadata, one) for one in matcher.node_metadatas)


def _struct(struct: Any, matcher: envoy.type.matcher.v3.StructMatcher) -> bool:
    value: Any = None
    fields = struct.fields
    for segment in matcher.path:
        if fields is None or segment.key not in fields:
            return _value(None, matcher.value)
        value = fields[segment.key]
        inner = value.WhichOneof("kind") == "struct_value"
        fields = value.struct_value.fields if inner else None
    return _value(value, matcher.value)


def _value(value: Any, matcher: envoy.type.matcher.v3.ValueMatcher) -> bool:
    """Match a google.protobuf.Value, or None for "there is none"."""
    asked = matcher.WhichOneof("match_pattern")
    if asked == "present_match":
        return (value is not None) == matcher.present_match
    if asked == "or_match":
        return any(_value(value, one) for one in matcher.or_match.value_matchers)
    kind = None if value is None else value.WhichOneof("kind")
    if asked == "null_match":
        return kind == "null_value"
    if asked == "bool_match":
        return kind == "bool_value" and value.bool_value == matcher.bool_match
    if asked == "string_match":
        return kind == "string_value" and _string(value.string_value, matcher.string_match)
    if asked == "double_match":
        return kind == "number_value" and _double(value.number_value, matcher.double_match)
    if asked == "list_match":
        wanted = matcher.list_match
        if wanted.WhichOneof("match_pattern") != "one_of":
            raise UnsupportedMatcherError("list_match must be one_of")
        return kind == "list_value" and any(
            _value(one, wanted.one_of) for one in value.list_value.values
        )
    raise UnsupportedMatcherError("a value matcher must say what to match")


def _double(number: float, matcher: envoy.type.matcher.v3.DoubleMatcher) -> bool:
    if matcher.WhichOneof("match_pattern") == "range":
        return bool(matcher.range.start <= number < matcher.range.end)
    return bool(number == matcher.exact)


def _string(text: str, matcher: envoy.type.matcher.v3.StringMatcher) -> bool:
    asked = matcher.WhichOneof("match_pattern")
    if asked not in {"exact", "prefix", "suffix", "contains"}:
        raise UnsupportedMatcherError(f"string matcher {asked or 'without a pattern'}")
    wanted = str(getattr(matcher, asked))
    if matcher.ignore_case:
        text, wanted = text.lower(), wanted.lower()
    if asked == "prefix":
        return text.startswith(wanted)
    if asked == "suffix":
        return text.endswith(wanted)
    return wanted in text if asked == "contains" else text == wanted
