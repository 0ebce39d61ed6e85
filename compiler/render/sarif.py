"""Diagnostics for code scanning: SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format").

Files are named relative to the root of the repository where they were given so, which is what
GitHub's code scanning wants.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from compiler.diagnostic import Diagnostic, Severity
from compiler.read import Sources
from compiler.render.mask import mask
from compiler.source import Span

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render_sarif(diagnostics: Sequence[Diagnostic], _sources: Sources) -> str:
    """Give one run with all diagnostics; codes are its rules."""
    rules = {code: index for index, code in enumerate(sorted({one.code for one in diagnostics}))}
    run = {
        "tool": {
            "driver": {
                "name": "gatewright",
                "rules": [
                    {"id": code, "shortDescription": {"text": code.replace("-", " ")}}
                    for code in rules
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules) for one in diagnostics],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def _result(diagnostic: Diagnostic, rules: dict[str, int]) -> dict[str, Any]:
    text = diagnostic.message
    if diagnostic.hint:
        text += f"\nhelp: {diagnostic.hint}"
    text += "".join(f"\nnote: {note}" for note in diagnostic.notes)
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rules[diagnostic.code],
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": mask(text)},
        "locations": [],
    }
    if diagnostic.span is not None:
        result["locations"] = [{"physicalLocation": _location(diagnostic.span)}]
    if diagnostic.labels:
        result["relatedLocations"] = [
            {
                "id": index,
                "physicalLocation": _location(label.span),
                "message": {"text": mask(label.text)},
            }
            for index, label in enumerate(diagnostic.labels)
        ]
    return result


def _location(span: Span) -> dict[str, Any]:
    return {
        "artifactLocation": _artifact(span.file),
        "region": {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        },
    }


def _artifact(name: str) -> dict[str, str]:
    path = PurePosixPath(name)
    if path.is_absolute():
        return {"uri": "file://" + quote(name)}
    return {"uri": quote(name), "uriBaseId": "%SRCROOT%"}
