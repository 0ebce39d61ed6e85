"""Turn pydantic's errors into diagnostics: at the place in the text, in the words of gateways.

What the language's own types refuse has its code, message and hint already; what pydantic refuses
is said anew here. Values are not repeated in messages, as one may be a secret in a wrong place;
words of a closed list are the exception.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from compiler.diagnostic import Diagnostic, Severity, did_you_mean
from compiler.fields import fields_at, short_forms_at
from compiler.node import Node, Scalar, Sequence, child, find, key_place, place
from compiler.source import Path, Span
from compiler.wording import called, kind_of, listing, place_called, sentence, short

_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "none_required": "nothing",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
    "multiple_of": ("multiple_of", "a multiple of"),
}
_YES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_SHORT = {
    "string": "a text",
    "integer": "a number",
    "boolean": "`true` or `false`",
    "array": "a list",
    "object": "a mapping",
}
_START = Span("", 0, 0, 0, 0)


class _Fault(NamedTuple):
    """An error of pydantic's with what its location means in the text.

    ``path`` leads to the innermost value that is written; ``tag`` is what follows in the location:
    a branch of a union, or a key that a shorthand stands for.
    """

    error: ErrorDetails
    path: Path
    tag: str
    at_key: bool


def refused(
    invalid: ValidationError, root: Node, document: type[BaseModel]
) -> tuple[Diagnostic, ...]:
    """Give a diagnostic for each error, in the order of the text, none of them twice.

    ``root`` is what was validated as ``document``.
    """
    errors = invalid.errors(include_url=False, include_input=False)
    faults = _one_branch(_counted_rightly([_fault(error, root) for error in errors]))
    # An alias repeats a value, and the value's faults with it.
    once = {(id(find(root, f.path)), f.error["loc"][-1:], f.error["msg"]): f for f in faults[::-1]}
    found = [_diagnostic(fault, root, document) for fault in once.values()]
    return tuple(sorted(dict.fromkeys(found), key=lambda diagnostic: diagnostic.span or _START))


def _fault(error: ErrorDetails, root: Node) -> _Fault:
    path: list[str | int] = []
    node, tag, at_key = root, "", False
    loc = error["loc"]
    last = len(loc) - 1
    for index, step in enumerate(loc):
        if step == "[key]":
            at_key = True
        elif index == last and error["type"] == "missing":
            break
        elif (inner := child(node, step)) is not None:
            path.append(step)
            node = inner
        else:
            tag = tag or str(step)
    return _Fault(error, tuple(path), tag, at_key)


def _counted_rightly(faults: list[_Fault]) -> list[_Fault]:
    """Drop "too short" of lists that are so only because pydantic leaves out their bad items."""
    above = {fault.path[:depth] for fault in faults for depth in range(len(fault.path))}
    return [f for f in faults if f.error["type"] != "too_short" or f.path not in above]


def _one_branch(faults: list[_Fault]) -> list[_Fault]:
    """Keep, of a union's branches that all failed, the one that was probably meant.

    It is the one whose errors lie deepest: there the form was right and a part of it wrong.
    """
    branches: dict[Path, dict[str, list[_Fault]]] = {}
    for fault in faults:
        if fault.tag:
            prefix = _prefix(fault)
            branches.setdefault(prefix, {}).setdefault(fault.tag, []).append(fault)
    dropped: set[int] = set()
    for by_tag in branches.values():
        if len(by_tag) > 1 and not _shorthand(by_tag):
            best = max(by_tag, key=lambda tag: (_depth(by_tag[tag]), -len(by_tag[tag])))
            dropped.update(id(f) for tag, all_ in by_tag.items() if tag != best for f in all_)
    return [fault for fault in faults if id(fault) not in dropped]


def _prefix(fault: _Fault) -> Path:
    """Give the path at which the location leaves the text."""
    prefix: list[str | int] = []
    for step in fault.error["loc"]:
        if str(step) == fault.tag:
            break
        prefix.append(step)
    return tuple(prefix)


def _depth(faults: list[_Fault]) -> int:
    return min(len(fault.error["loc"]) for fault in faults)


def _shorthand(by_tag: dict[str, list[_Fault]]) -> bool:
    """Whether the steps are keys that one shorthand stands for, each with a fault of its own."""
    return all(fault.error["type"] == "missing" for all_ in by_tag.values() for fault in all_)


def _diagnostic(fault: _Fault, root: Node, document: type[BaseModel]) -> Diagnostic:
    kind = fault.error["type"]
    context: dict[str, Any] = fault.error.get("ctx") or {}
    span = (key_place if fault.at_key else place)(root, fault.path)
    node = find(root, fault.path)
    if kind == "missing":
        return _missing(fault, root, document)
    if kind == "extra_forbidden":
        return _unknown_key(fault, root, document)
    if kind in _KINDS:
        return _wrong_type(_KINDS[kind], fault, node, span, document)
    if kind in ("literal_error", "enum"):
        return _unknown_word(context, fault, node, span)
    name = called(fault.path)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return _error("out-of-range", f"{name} must be {words} {context[key]}", span)
    if kind in ("string_too_short", "too_short"):
        least = context["min_length"]
        what = "characters" if kind == "string_too_short" else "items"
        message = f"{name} is empty" if least == 1 else f"{name} needs at least {least} {what}"
        return _error("too-short", message, span)
    if kind in ("string_too_long", "too_long"):
        what = "characters" if kind == "string_too_long" else "items"
        return _error("too-long", f"{name} has more than {context['max_length']} {what}", span)
    if kind == "string_pattern_mismatch":
        message = f"{name} does not have the form that it must have"
        return _error("bad-form", message, span, hint=f"it matches `{context['pattern']}`")
    if kind in ("value_error", "assertion_error"):
        return _error("bad-value", str(context.get("error", fault.error["msg"])), span)
    if "hint" in context:
        return _error(kind, fault.error["msg"], span, hint=context["hint"])
    message = fault.error["msg"].removeprefix("Input should be ")
    return _error("bad-value", f"{name} should be {message}", span)


def _missing(fault: _Fault, root: Node, document: type[BaseModel]) -> Diagnostic:
    key = str(fault.error["loc"][-1])
    field = fields_at(document, fault.error["loc"][:-1]).get(key)
    hint = f"add `{key}`"
    if field is not None and field.description:
        hint = f"add `{key}:` {sentence(field.description)}"
    if not fault.path:
        if key == "gatewright":
            hint = "a policy begins with `gatewright: v1`"
        span = root.lines.span(0, 0)
        return _error("missing-key", f"the policy has no `{key}`", span, hint=hint)
    message = f"{place_called(fault.path)} has no `{key}`"
    return _error("missing-key", message, place(root, fault.path), hint=hint)


def _unknown_key(fault: _Fault, root: Node, document: type[BaseModel]) -> Diagnostic:
    key = str(fault.error["loc"][-1])
    above = fault.error["loc"][:-1]
    known = fields_at(document, above)
    close = did_you_mean(key, known)
    hint: str | None
    if close is not None:
        hint = f"did you mean `{close}`?"
    elif above and key in fields_at(document, above[:-1]):
        hint = f"`{key}` is a key of what is around this; look at the indentation"
    else:
        hint = listing("the keys here are", sorted(known))
    where = place_called(fault.path[:-1]) if fault.path[:-1] else "a policy"
    message = f"`{short(key)}` is no key of {where}"
    return _error("unknown-key", message, key_place(root, fault.path), "no such key", hint=hint)


def _wrong_type(
    wanted: str, fault: _Fault, node: Node | None, span: Span, document: type[BaseModel]
) -> Diagnostic:
    got = kind_of(node)
    known = fields_at(document, fault.error["loc"])
    if wanted == "a mapping" and known:
        shorts = [_SHORT[kind] for kind in short_forms_at(document, fault.error["loc"])]
        wanted = " or ".join([*(short for short in shorts if short != got), wanted])
    message = f"{called(fault.path)} wants {wanted}, not {got}"
    hint = None
    if isinstance(node, Scalar):
        value = node.value
        if wanted == "a text":
            hint = "put it in quotes"
        elif isinstance(value, str) and wanted in ("a whole number", "a number"):
            is_number = value.isdecimal() and not node.plain
            hint = "remove the quotes" if is_number else "write digits and nothing else"
        elif wanted == "`true` or `false`" and isinstance(value, str):
            word = _YES.get(value.lower())
            hint = f"write `{word}`" if word else None
    if wanted == "a list":
        hint = "write `[a, b]`, or one `- ` line for each item"
    elif wanted == "a mapping" and isinstance(node, Sequence):
        hint = "names are keys here: `name: ...`, without a `- ` before them"
    elif known:
        hint = listing("its keys are", list(known))
    return _error("wrong-type", message, span, f"this is {got}", hint=hint)


def _unknown_word(
    context: dict[str, Any], fault: _Fault, node: Node | None, span: Span
) -> Diagnostic:
    words = _words(str(context.get("expected", "")))
    listed = listing("it is", words, "or") if len(words) > 1 else f"write `{''.join(words)}`"
    name = called(fault.path)
    if not isinstance(node, Scalar):
        return _error("wrong-type", f"{name} wants a word, not {kind_of(node)}", span, hint=listed)
    written = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    close = did_you_mean(written, words) if isinstance(node.value, str) else None
    hint = f"did you mean `{close}`?" if close else listed
    message = f"{name} cannot be `{short(written)}`"
    return _error("unknown-word", message, span, hint=hint)


def _words(expected: str) -> list[str]:
    """Take apart pydantic's list of words: ``'a', 'b' or 'c'``, or numbers likewise."""
    parts = expected.replace(" or ", ", ").split(", ")
    return [part.strip("'") for part in parts if part]


def _error(
    code: str, message: str, span: Span, text: str = "", *, hint: str | None = None
) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, span, text, (), hint)
