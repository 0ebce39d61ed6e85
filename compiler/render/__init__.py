"""Show diagnostics: one renderer a format, each a pure function of diagnostics and sources.

``text`` is for people at a terminal, ``json`` for programs, ``github`` for annotations of a pull
request, ``gitlab`` for its code quality report, ``sarif`` for code scanning, ``markdown`` for a
comment. None of them shows a secret: what looks like a credential is masked in messages and in
lines of source (`compiler.render.mask`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from compiler.diagnostic import Diagnostic
from compiler.read import Sources
from compiler.render.github import render_github
from compiler.render.gitlab import render_gitlab
from compiler.render.json import render_json
from compiler.render.markdown import render_markdown
from compiler.render.sarif import render_sarif
from compiler.render.summary import summary
from compiler.render.text import render_text

__all__ = [
    "Format",
    "render",
    "render_github",
    "render_gitlab",
    "render_json",
    "render_markdown",
    "render_sarif",
    "render_text",
    "summary",
]


class Format(StrEnum):
    """How diagnostics are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"
    MARKDOWN = "markdown"


def render(
    diagnostics: Sequence[Diagnostic],
    sources: Sources,
    style: str = Format.TEXT,
    *,
    color: bool = False,
    version: str = "",
) -> str:
    """Give the diagnostics in the format ``style``; empty, or lines that each end with a newline.

    ``color`` puts ANSI colours into text; ``version``, this program's, stands in SARIF. Neither
    changes anything else.

    Raises:
        ValueError: there is no such format.
    """
    match Format(style):
        case Format.TEXT:
            return render_text(diagnostics, sources, color=color)
        case Format.JSON:
            return render_json(diagnostics, sources)
        case Format.GITHUB:
            return render_github(diagnostics, sources)
        case Format.GITLAB:
            return render_gitlab(diagnostics, sources)
        case Format.SARIF:
            return render_sarif(diagnostics, sources, version=version)
        case Format.MARKDOWN:
            return render_markdown(diagnostics, sources)
