"""Diagnostics for a comment on a pull request: a line each, which opens to show the source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from compiler.diagnostic import Diagnostic
from compiler.read import Sources
from compiler.render.page import Pages, said
from compiler.render.summary import summary
from compiler.render.text import excerpt

MAX_LENGTH = 60_000
"""The length of a comment in characters; GitHub takes 65,536."""

_OPEN = 5  # more would push the rest of the comment out of sight


def render_markdown(diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """Give a heading with the counts, and a collapsible block for each diagnostic that fits."""
    pages = Pages(diagnostics, sources)
    shown = f"### Gatewright: {summary(diagnostics)}\n"
    for index, one in enumerate(diagnostics):
        block = _block(one, pages, is_open=index < _OPEN)
        if len(shown) + len(block) > MAX_LENGTH:
            return f"{shown}\n\u2026 and {len(diagnostics) - index} more.\n"
        shown += block
    return shown


def _block(diagnostic: Diagnostic, pages: Pages, *, is_open: bool) -> str:
    place = f" \u2014 <code>{escape(str(diagnostic.span))}</code>" if diagnostic.span else ""
    head = (
        f"<b>{diagnostic.severity.value}</b> <code>{escape(diagnostic.code)}</code>: "
        f"{_inline(said(diagnostic.message))}{place}"
    )
    body = excerpt(diagnostic, pages)
    if not body:
        return f"\n- {head}\n"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    opening = "<details open>" if is_open else "<details>"
    return f"\n{opening}\n<summary>{head}</summary>\n\n{fence}text\n{body}\n{fence}\n\n</details>\n"


def _inline(message: str) -> str:
    """Turn what stands in backticks into code; nothing else in the message is markup."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(message, quote=False))
