"""Say in people's words what libyaml found wrong with a text's syntax.

libyaml names the rule of its grammar that failed; people want to know what they forgot. The words
here are for the faults that people make; what is left is passed on as libyaml says it.
"""

from __future__ import annotations

from typing import Any

from yaml import YAMLError

from compiler.diagnostic import Label, Reporter
from compiler.lines import Lines

_BAD_START = "found character that cannot start any token"

# What libyaml says -> (message, hint)
_WORDS: dict[str, tuple[str, str | None]] = {
    "mapping values are not allowed in this context": (
        "a `:` stands where no key may be",
        "if it is part of a text, quote the text; if it is a key, look at the indentation",
    ),
    "did not find expected ',' or ']'": (
        "this list is not closed, or a comma is missing",
        "close it with `]`, and put `,` between its items",
    ),
    "did not find expected ',' or '}'": (
        "this mapping is not closed, or a comma is missing",
        "close it with `}`, and put `,` between its keys",
    ),
    "did not find expected '-' indicator": (
        "a list's items stand one below the other, and this is no item",
        "begin it with `- `, or indent it as the key that it is",
    ),
    "did not find expected key": (
        "a key is expected here",
        "keys of one mapping begin in the same column; quotes go around a whole text",
    ),
    "could not find expected ':'": (
        "this key has no `:`",
        "write `key: value`; a text of several lines is indented below its key",
    ),
    "found unexpected end of stream": (
        "a quote is opened here and never closed",
        "close it; in single quotes, a quote is written twice",
    ),
    "found unexpected document indicator": (
        "a quote is opened here and never closed",
        "close it; in single quotes, a quote is written twice",
    ),
    "found unknown escape character": (
        "there is no such escape in double quotes",
        "write a backslash as `\\\\`, or use single quotes",
    ),
    "did not find expected hexadecimal number": (
        "an escape in double quotes wants more hexadecimal digits",
        "`\\x41`, `\\u0041` or `\\U00000041`",
    ),
    "found invalid Unicode character escape code": ("this escape is no character", None),
    "did not find expected comment or line break": (
        "a text of several lines begins on the line after `|` or `>`",
        None,
    ),
    "found a tab character where an indentation space is expected": (
        "a tab stands in the indentation",
        "indent with spaces",
    ),
    "found a tab character that violates indentation": (
        "a tab stands in the indentation",
        "indent with spaces",
    ),
    "block sequence entries are not allowed in this context": (
        "a list may not begin here",
        "put `-` on a line of its own below the key, or quote the text",
    ),
    "block mapping keys are not allowed in this context": ("a key may not begin here", None),
    "mapping keys are not allowed in this context": ("a key may not begin here", None),
    "did not find expected <document start>": (
        "there is something after the end of the policy",
        "look at the indentation of what stands before it",
    ),
    "did not find expected alphabetic or numeric character": (
        "`&` begins the name of an anchor and `*` that of an alias",
        "if it is part of a text, quote the text",
    ),
}


def report_syntax(error: YAMLError, lines: Lines, reporter: Reporter) -> None:
    """Report a fault of syntax at its place, with the place where its context began."""
    problem: str = getattr(error, "problem", None) or str(error).partition("\n")[0]
    text = lines.source.text
    # libyaml's marks may stand behind the end, or on the line break.
    at = min(_index(getattr(error, "problem_mark", None)), len(text))
    start = min(_index(getattr(error, "context_mark", None)), len(text))
    code = "yaml-syntax"
    message, hint = _WORDS.get(problem, (problem, None))
    labels: tuple[Label, ...] = ()
    if problem == _BAD_START:
        character = text[at : at + 1]
        if character == "\t":
            message, hint = _WORDS["found a tab character where an indentation space is expected"]
        else:
            shown = "a backtick" if character == "`" else f"`{character}`"
            message = f"a text without quotes cannot begin with {shown}"
            hint = "quote the text"
    elif problem == "did not find expected node content":
        character = text[at : at + 1]
        if not text[at:].strip():
            message = "the file ends where a value is expected"
            hint = "is a bracket left open?"
        else:
            message, hint = f"a value is expected before `{character}`", None
    elif problem.startswith(("found unexpected", "could not find", "did not find expected alpha")):
        at = start  # where it began says more than where it was given up
    elif "expected ','" in problem and start != at:
        labels = (Label(lines.span(start, start + 1), "opened here"),)
    if "tab" in message:
        code = "tab-indentation"
    elif "\u00a0" in lines.line(lines.position(at)[0]):
        hint = "a no-break space (U+00A0) stands in this line; write a plain one"
    elif "\t" in _indentation(lines, at):
        code, message, hint = "tab-indentation", "a tab stands in the indentation", "use spaces"
    at = _back_to_text(text, at)
    end = at if text[at : at + 1] in "\r\n" else at + 1
    if problem == "could not find expected ':'":
        end = at + len(text[at:].partition("\n")[0].rstrip())
    reporter.error(code, message, lines.span(at, end), labels=labels, hint=hint)


def _index(mark: Any) -> int:
    return mark.index if mark is not None else 0


def _indentation(lines: Lines, at: int) -> str:
    line = lines.line(lines.position(at)[0])
    return line[: len(line) - len(line.lstrip())]


def _back_to_text(text: str, at: int) -> int:
    """Go back from the end of the file to the last character that can be seen."""
    if at >= len(text) or text[at] in "\r\n":
        seen = len(text[:at].rstrip())
        return min(seen, max(0, len(text) - 1)) if seen else at
    return at
