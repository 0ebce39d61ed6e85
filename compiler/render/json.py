"""Diagnostics for programs.

One object, whose form only ever gains keys as long as ``version`` is 1::

    {
      "version": 1,
      "summary": {"error": 1, "warning": 0, "note": 0},
      "diagnostics": [
        {
          "code": "unknown-provider",
          "severity": "error",                  # or "warning", "note"
          "message": "model `fast` tries provider `opnai`",
          "place": {                            # null where there is none
            "file": "gateway.yaml",
            "start": {"line": 14, "column": 15},  # from 1, in characters
            "end": {"line": 14, "column": 20}     # exclusive
          },
          "text": "no such provider",           # about the place; may be empty
          "labels": [{"place": {...}, "text": "declared here"}],
          "hint": "did you mean `openai`?",     # null where there is none
          "notes": ["for example: GET /orders"] # a request that shows it, and the like
        }
      ]
    }
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from compiler.diagnostic import Diagnostic, Severity
from compiler.read import Sources
from compiler.render.mask import mask
from compiler.source import Span


def render_json(diagnostics: Sequence[Diagnostic], _sources: Sources) -> str:
    """Give all diagnostics as one JSON object in ASCII."""
    document = {
        "version": 1,
        "summary": {
            severity.value: sum(one.severity is severity for one in diagnostics)
            for severity in Severity
        },
        "diagnostics": [_diagnostic(one) for one in diagnostics],
    }
    return json.dumps(document, indent=2) + "\n"


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": mask(diagnostic.message),
        "place": _place(diagnostic.span),
        "text": mask(diagnostic.text),
        "labels": [
            {"place": _place(label.span), "text": mask(label.text)} for label in diagnostic.labels
        ],
        "hint": None if diagnostic.hint is None else mask(diagnostic.hint),
        "notes": [mask(note) for note in diagnostic.notes],
    }


def _place(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "file": span.file,
        "start": {"line": span.line, "column": span.column},
        "end": {"line": span.end_line, "column": span.end_column},
    }
