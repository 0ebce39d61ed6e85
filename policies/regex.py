"""Regular expressions, in the syntax that Envoy runs (RE2)."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from policies.refusal import refuse

_NOT_RE2: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\(\?<?[=!]"), "looking ahead or behind"),
    (re.compile(r"\(\?P=|\\[1-9]"), "backreferences"),
    (re.compile(r"\(\?>|[*+?}]\+"), "atomic groups and possessive repetition"),
    (re.compile(r"\(\?\("), "conditions"),
    (re.compile(r"\(\?#"), "comments"),
    (re.compile(r"\(\?[a-zA-Z-]*[aLux]"), "flags but `i`, `m`, `s` and `U`"),
    (re.compile(r"\\Z"), "`\\Z`, only `\\z`"),
    (
        re.compile(r"\{(?:[0-9]*,)?(?!1000[,}])[1-9][0-9]{3}"),
        "more than 1000 repetitions",
    ),
)
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]")
_ESCAPED = re.compile(r"\\[^A-Za-z0-9]")
_RE2_ONLY: tuple[tuple[re.Pattern[str], str], ...] = (
    # What RE2 knows and Python's `re` does not, replaced by something of the same shape.
    (re.compile(r"\\[pP](?:\{\^?\w+\}|\w)"), r"\\w"),
    (re.compile(r"\\z"), r"$"),
    (re.compile(r"\\C"), r"."),
    (re.compile(r"\[:\^?[a-z]+:\]"), r"\\w"),
    (re.compile(r"\(\?[imsU]*(?:-[imsU]+)?\)"), r""),
    (re.compile(r"\(\?[imsU]*(?:-[imsU]+)?:"), r"(?:"),
    (re.compile(r"\(\?<(?=[A-Za-z_])"), r"(?P<"),
)


_HINT = "the syntax is RE2's, and the whole value must match"


def check_regex(value: Any, hint: str = _HINT) -> Any:
    """Refuse what Envoy's regular expressions (RE2) do not know.

    ``hint`` says what has to match: the whole value unless given. Python's own ``re`` checks the
    shape, after what only RE2 knows is replaced; a text that passes here and not in Envoy is
    possible, but rare, and Envoy says so.

    Raises:
        PydanticCustomError: ``bad-regex``.
    """
    if not isinstance(value, str):
        return value
    if not 1 <= len(value) <= 4096:
        refuse("bad-regex", "a regular expression has 1 to 4096 characters", hint)
    shape = value
    for pattern, stand_in in _RE2_ONLY:
        shape = pattern.sub(stand_in, shape)
    # In classes and after a backslash, signs of repetition are plain characters.
    signs = _CLASS.sub("x", _ESCAPED.sub("x", shape))
    for pattern, what in _NOT_RE2:
        if pattern.search(signs):
            refuse("bad-regex", f"RE2 has no {what}", hint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Python may once read as a set in a set
            re.compile(shape)
    except (re.error, OverflowError, RecursionError) as problem:
        what = problem.msg if isinstance(problem, re.error) else "it is too large"
        refuse("bad-regex", f"this is no regular expression: {what}", hint)
    return value


Regex = Annotated[
    str,
    BeforeValidator(check_regex),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            "description": "A regular expression in RE2's syntax; the whole value must match.",
            "examples": ["/v[0-9]+/.*"],
        }
    ),
]
"""A regular expression in RE2's syntax that must match the whole value."""
