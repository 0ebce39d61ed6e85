r"""Puts values back where a model wrote their placeholders, in text that comes in pieces.

Forms that are taken for the placeholder `<EMAIL_1>`, in upper or lower case, with a space inside
of the brackets or none; whatever stands around (quotes, asterisks, backticks) stays:

    <EMAIL_1>  &lt;EMAIL_1&gt;  \<EMAIL\_1\>  \u003cEMAIL_1\u003e

A name without brackets may be a variable of the code that the model writes, and stays. Only what
may be the beginning of a placeholder that was given out is held back, so never more than the
longest one takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from ext_authz.redact.audit import Audit
from ext_authz.redact.json_depth import StringDepth
from ext_authz.redact.json_text import begins_like_json
from ext_authz.redact.vault import key_of
from ext_authz.translate.wire import encode

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_]|\\{1,2}_)*"
_FORMS: Final = (("<", ">"), ("&lt;", "&gt;"), (r"\\{1,2}<", r"\\{1,2}>"))
_ESCAPED: Final = (r"\\{1,4}u003[cC]", r"\\{1,4}u003[eE]")
_PLACEHOLDER: Final = re.compile(
    "|".join(f"{opens} ?({_NAME}) ?{closes}" for opens, closes in (*_FORMS[::-1], _ESCAPED))
)
# In names, which may hold few other characters: letters before belong to the name around it.
_BARE: Final = re.compile(r"(?<![A-Z0-9_])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*?_\d+(?![A-Za-z0-9])")
_OPENERS: Final = re.compile(r"[<&\\]")
_LONGEST_AROUND: Final = 24
"""Characters that stand around a name at most: escaped brackets and spaces."""


def _beginnings(*steps: str) -> str:
    """Match any beginning of a sequence of steps, the empty one left out."""
    pattern = ""
    for step in reversed(steps):
        pattern = f"{step}(?:{pattern})?" if pattern else step
    return pattern


_NAME_BEGUN: Final = r"(?P<n{0}>(?:[A-Za-z0-9_]|\\{{1,2}}_)+\\{{0,2}})"
_BEGUN: Final = re.compile(
    "(?:"
    + "|".join(
        _beginnings(*opens, " ", _NAME_BEGUN.format(number), " ", *closes).replace(" (?:", " ?(?:")
        for number, (opens, closes) in enumerate(
            (
                (("<",), ()),
                (tuple("&lt;"), tuple("&gt")),
                ((r"\\{1,2}", "<"), (r"\\{1,2}",)),
                ((r"\\{1,4}", *"u003", "[cC]"), (r"\\{1,4}", *"u003")),
            )
        )
    )
    + r")\Z"
)


class Names:
    """The placeholders that one request gave out, as its answers look for them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """All beginnings of all keys."""
        return frozenset(key[:size] for key in self.values for size in range(len(key) + 1))

    @cached_property
    def longest(self) -> int:
        """How many characters a placeholder takes at most: each may have backslashes before it."""
        return max((len(key) for key in self.values), default=0) * 3 + _LONGEST_AROUND

    @cached_property
    def needs_escapes(self) -> bool:
        """Whether a value looks different in JSON."""
        return any(_escaped(value) != value for value in self.values.values())

    @cached_property
    def _labels(self) -> tuple[bytes, ...]:
        return tuple({key.rpartition("_")[0].encode() for key in self.values})

    def has_bare(self, data: bytes) -> bool:
        """Whether a name may stand somewhere without brackets."""
        return any(label in data for label in self._labels)

    def bare(self, text: str) -> str:
        """Put values back where their names stand without brackets."""
        return _BARE.sub(lambda found: self.values.get(found[0], found[0]), text)


class TextRestorer:
    """Restores one text that comes in pieces: `feed` each piece, `end` once.

    `json` says that the text is JSON, in whose strings values must be escaped; None that it is
    if it begins like it.
    """

    def __init__(self, names: Names, audit: Audit, *, json: bool | None = None) -> None:
        self._names = names
        self._audit = audit
        self._json = json
        self._is_begun = False
        self._depth: StringDepth | None = None
        self.held = ""

    def feed(self, piece: str) -> str:
        """Return the text that is certain after this piece."""
        text = self.held + piece if self.held else piece
        if not self._is_begun and (begun := text.lstrip()):
            self._is_begun = True
            if self._json is None:
                self._json = begins_like_json(begun)
            if self._json and self._names.needs_escapes:
                self._depth = StringDepth()
        if _OPENERS.search(text) is None:
            self.held = ""
            if self._depth is not None:
                self._depth.read(text)
            return text
        at = self._begins(text)
        self.held = text[at:]
        return self._restored(text[:at])

    def end(self) -> str:
        """Return what was held back: no placeholder has come of it."""
        text, self.held = self.held, ""
        return self._restored(text)

    def _begins(self, text: str) -> int:
        """Return where a placeholder may begin whose end is still to come."""
        at = max(0, len(text) - self._names.longest)
        # A backslash belongs to those before it: to begin in their middle would be another form.
        while at > 0 and text[at - 1] == "\\" and len(text) - at < 2 * self._names.longest:
            at -= 1
        while (found := _BEGUN.search(text, at)) is not None:
            name = next((group for group in found.groups() if group), "")
            if key_of(name) in self._names.beginnings:
                return found.start()
            at = found.start() + 1
        return len(text)

    def _restored(self, text: str) -> str:
        if self._depth is not None:
            return self._restored_by_depth(text, self._depth)
        if _OPENERS.search(text) is None:
            return text
        return _PLACEHOLDER.sub(self._value, text)

    def _restored_by_depth(self, text: str, depth: StringDepth) -> str:
        pieces: list[str] = []
        done = 0
        for found in _PLACEHOLDER.finditer(text):
            depth.read(text[done : found.start()])
            value = self._value(found)
            if value != found[0]:
                depth.pass_value()
                value = _escaped(value) if depth.is_nested else value
            else:
                depth.read(value)
            pieces += (text[done : found.start()], value)
            done = found.end()
        depth.read(text[done:])
        pieces.append(text[done:])
        return "".join(pieces)

    def _value(self, found: re.Match[str]) -> str:
        key = key_of(next(group for group in found.groups() if group))
        value = self._names.values.get(key)
        if value is None:
            return found[0]
        self._audit.add_restored(key.rpartition("_")[0].lower())
        return _escaped(value) if self._json else value


def _escaped(text: str) -> str:
    """Write a text as it stands in a string of JSON."""
    return encode(text)[1:-1].decode()
