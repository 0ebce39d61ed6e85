"""Diagnostics for code scanning: SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format").

GitHub wants more than the format does ("SARIF support for code scanning"): rules with texts, a
place for every result, relative to the repository's root, and a fingerprint by which a result is
known again. Files are named as they were given: run the command from the root.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from compiler.diagnostic import Diagnostic, Severity
from compiler.lints.registry import LINTS
from compiler.read import Sources
from compiler.render.fingerprint import line_hashes
from compiler.render.mask import mask
from compiler.source import Span

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS: Final = 5_000
"""How many results are written: GitHub shows no more of a run, and refuses 25,000."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_ROOT: Final = "%SRCROOT%"
_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def render_sarif(diagnostics: Sequence[Diagnostic], sources: Sources, *, version: str = "") -> str:
    """Give one run with all diagnostics; codes are its rules, ``version`` is this program's."""
    shown = sorted(diagnostics, key=lambda one: _WORST_FIRST.index(one.severity))[:MOST_RESULTS]
    kept = {id(one) for one in shown}
    shown = [one for one in diagnostics if id(one) in kept]
    rules = {code: index for index, code in enumerate(sorted({one.code for one in shown}))}
    worst: dict[str, Severity] = {}
    for one in shown:
        worst[one.code] = min(
            worst.get(one.code, Severity.NOTE), one.severity, key=_WORST_FIRST.index
        )
    hashes: dict[str, list[str]] = {}
    run = {
        "tool": {
            "driver": {
                "name": "gatewright",
                **({"version": version, "semanticVersion": version} if version else {}),
                "rules": [_rule(code, worst[code]) for code in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "results": [_result(one, rules, sources, hashes) for one in shown],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def _rule(code: str, severity: Severity) -> dict[str, Any]:
    """Give what is told of a code: why it is said, where that is written, and what to do."""
    words = code.replace("-", " ")
    lint = next((one for one in LINTS if one.code == code), None)
    why = f"A policy is not right: {words}." if lint is None else lint.why
    instead = "The message tells what to do." if lint is None else lint.instead
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in code.split("-")),
        "shortDescription": {"text": words[:1].upper() + words[1:]},
        "fullDescription": {"text": why},
        "help": {"text": f"{why} {instead}", "markdown": f"{why}\n\n*Instead:* {instead}"},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["gatewright"], "problem.severity": _problem(severity)},
    }


def _problem(severity: Severity) -> str:
    return "recommendation" if severity is Severity.NOTE else severity.value


def _result(
    diagnostic: Diagnostic,
    rules: dict[str, int],
    sources: Sources,
    hashes: dict[str, list[str]],
) -> dict[str, Any]:
    text = diagnostic.message
    if diagnostic.hint:
        text += f"\nhelp: {diagnostic.hint}"
    text += "".join(f"\nnote: {note}" for note in diagnostic.notes)
    # Code scanning shows no result without a place: what has none is about the whole policy.
    span = diagnostic.span or Span(_policy(sources), 1, 1, 1, 1)
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rules[diagnostic.code],
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": mask(text)},
        "locations": [{"physicalLocation": _location(span)}],
    }
    fingerprint = _fingerprint(span, sources, hashes)
    if fingerprint is not None:
        result["partialFingerprints"] = {"primaryLocationLineHash": fingerprint}
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


def _fingerprint(span: Span, sources: Sources, hashes: dict[str, list[str]]) -> str | None:
    if span.file not in hashes:
        source = sources.find(span.file)
        hashes[span.file] = [] if source is None else line_hashes(source.text)
    of_file = hashes[span.file]
    return of_file[span.line - 1] if 0 < span.line <= len(of_file) else None


def _policy(sources: Sources) -> str:
    if sources.policies:
        return sources.policies[0].name
    return sources.root.removesuffix("/") or "."


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
    return {"uri": quote(name), "uriBaseId": _ROOT}
