"""Diagnostics as GitLab's code quality report: findings in the widget and on lines of a merge.

Source: GitLab's "Code Quality report format", a subset of Code Climate's issues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from compiler.diagnostic import Diagnostic, Severity
from compiler.read import Sources
from compiler.render.fingerprint import line_hashes
from compiler.render.mask import mask

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render_gitlab(diagnostics: Sequence[Diagnostic], sources: Sources) -> str:
    """Give one array; fingerprints stay while the line and what is said of it do."""
    hashes: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    return json.dumps([_issue(one, sources, hashes, seen) for one in diagnostics], indent=2) + "\n"


def _issue(
    diagnostic: Diagnostic,
    sources: Sources,
    hashes: dict[str, list[str]],
    seen: dict[str, int],
) -> dict[str, Any]:
    span = diagnostic.span
    file = span.file if span is not None else _policy(sources)
    line = span.line if span is not None else 1
    if file not in hashes:
        source = sources.find(file)
        hashes[file] = [] if source is None else line_hashes(source.text)
    text = hashes[file][line - 1] if line <= len(hashes[file]) else ""
    said = mask(diagnostic.message)
    told = f"{file}\n{text}\n{diagnostic.code}\n{said}"
    # Two of one line that say the same are two all the same.
    seen[told] = seen.get(told, 0) + 1
    return {
        "description": f"{said} ({mask(diagnostic.hint)})" if diagnostic.hint else said,
        "check_name": diagnostic.code,
        "fingerprint": hashlib.sha256(f"{told}\n{seen[told]}".encode()).hexdigest(),
        "severity": _SEVERITIES[diagnostic.severity],
        "location": {"path": file.removeprefix("./"), "lines": {"begin": line}},
    }


def _policy(sources: Sources) -> str:
    return sources.policies[0].name if sources.policies else sources.root.rstrip("/") or "."
