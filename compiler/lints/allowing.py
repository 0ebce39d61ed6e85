"""Comments that allow a warning where it stands, each with its reason.

``# gatewright: allow hidden-target -- drains until May`` behind a line is about what is told of
that line; on a line of its own, about the next line that is no comment. Errors cannot be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from yaml import YAMLError

from compiler.diagnostic import Diagnostic, Severity, did_you_mean
from compiler.format.pieces import comments_of
from compiler.lines import Lines
from compiler.lints.registry import CODES, LINTS
from compiler.source import SourceFile, Span

_ALLOW: Final = re.compile(r"#\s*gatewright:\s*((?:allow|disable|ignore|skip)\b.*)")
_FORM: Final = re.compile(r"allow\s+([a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)\s*(?:(?:^|\s)--\s*(.*))?")
_HINT: Final = "write `# gatewright: allow CODE -- REASON`"
_TIMED: Final = frozenset(lint.code for lint in LINTS if lint.timed)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """A code that is allowed on a line of a file."""

    code: str
    file: str
    line: int
    at: Span


def without_allowed(
    diagnostics: Sequence[Diagnostic], sources: Iterable[SourceFile], *, complete: bool
) -> tuple[Diagnostic, ...]:
    """Leave out the warnings that comments allow, and add what is wrong with the comments.

    ``complete`` says that all lints were looked for; only then it is known what is needless.
    """
    found: list[Diagnostic] = []
    allowed: list[_Allowed] = []
    for source in sources:
        if _ALLOW.search(source.text):
            for one in _comments(source):
                (allowed if isinstance(one, _Allowed) else found).append(one)  # type: ignore[arg-type]
    if not allowed and not found:
        return tuple(diagnostics)
    used: set[_Allowed] = set()
    kept: list[Diagnostic] = []
    for diagnostic in diagnostics:
        matching = [one for one in allowed if _allows(one, diagnostic)]
        used.update(matching)
        if not matching:
            kept.append(diagnostic)
    if complete:
        found += [
            Diagnostic(
                "unused-allow",
                Severity.WARNING,
                f"nothing here is a `{one.code}`",
                one.at,
                "allows nothing",
                hint="remove the comment",
            )
            for one in allowed
            if one not in used and one.code not in _TIMED
        ]
    return (*kept, *found)


def _allows(one: _Allowed, diagnostic: Diagnostic) -> bool:
    span = diagnostic.span
    return (
        diagnostic.severity is Severity.WARNING
        and diagnostic.code == one.code
        and span is not None
        and (span.file, span.line) == (one.file, one.line)
    )


def _comments(source: SourceFile) -> Iterator[_Allowed | Diagnostic]:
    """Give what the comments of a file allow, and what is wrong with them."""
    try:
        comments = comments_of(source.text)
    except YAMLError:
        return  # told already
    lines = Lines(source)
    for index, comment in comments:
        mark = _ALLOW.fullmatch(comment)
        if mark is None:
            continue
        at = lines.span(index, index + len(comment))
        form = _FORM.fullmatch(mark[1].strip())
        if form is None:
            message = "this comment is for gatewright, and says nothing that it knows"
            yield Diagnostic("bad-allow", Severity.ERROR, message, at, hint=_HINT)
            continue
        if not (form[2] or "").strip():
            message = "what is allowed has a reason, and here is none"
            yield Diagnostic("allow-without-reason", Severity.ERROR, message, at, hint=_HINT)
            continue
        line = _line(lines, at)
        for code in re.split(r"\s*,\s*", form[1]):
            if code in CODES:
                yield _Allowed(code, source.name, line, at)
            else:
                close = did_you_mean(code, CODES)
                hint = f"did you mean `{close}`?" if close else "docs/lints.md lists them"
                message = f"there is no warning `{code}`; errors cannot be allowed"
                yield Diagnostic("unknown-lint", Severity.ERROR, message, at, hint=hint)


def _line(lines: Lines, at: Span) -> int:
    """Give the line that a comment is about."""
    if lines.line(at.line)[: at.column - 1].strip():
        return at.line
    line = at.line + 1
    while line <= len(lines) and lines.line(line).lstrip().startswith("#"):
        line += 1
    return line
