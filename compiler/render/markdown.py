"""Diagnostics for a comment on a pull request: a line each, which opens to show the source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from compiler.diagnostic import Diagnostic
from compiler.read import Sources
from compiler.render.page import Pages, said
from compiler.render.summary import summary
from compiler.render.text import excerpt

if TYPE_CHECKING:
    from jinja2 import Template

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
    body = excerpt(diagnostic, pages)
    longest_run = max((len(run) for run in re.findall("`+", body)), default=0)
    return _template().render(
        severity=diagnostic.severity.value,
        code=escape(diagnostic.code),
        message=_inline(said(diagnostic.message)),
        place=escape(str(diagnostic.span)) if diagnostic.span else "",
        excerpt=body,
        fence="`" * max(3, 1 + longest_run),
        open=is_open,
    )


@cache
def _template() -> Template:
    """Read the template once; what is put into it is escaped already, as HTML or by a fence."""
    # Here, because no other format needs its 30 ms.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("compiler.render", "templates"),
        autoescape=False,  # noqa: S701 - Markdown: see above
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("diagnostic.md.jinja")


def _inline(message: str) -> str:
    """Turn what stands in backticks into code; nothing else in the message is markup."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(message, quote=False))
