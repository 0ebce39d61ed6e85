"""Diagnostics as annotations of a pull request: GitHub's workflow commands.

Source: GitHub's "Workflow commands for GitHub Actions"; the escapes are those of its toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.diagnostic import Diagnostic, Severity
from compiler.read import Sources
from compiler.render.mask import mask

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_github(diagnostics: Sequence[Diagnostic], _sources: Sources) -> str:
    """Give one command a line for each diagnostic."""
    return "".join(f"{_command(one)}\n" for one in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    properties: dict[str, str | int] = {}
    span = diagnostic.span
    if span is not None:
        properties = {"file": span.file, "line": span.line, "endLine": span.end_line}
        if span.line == span.end_line:
            # Columns are refused where the lines differ; GitHub's end is the last one marked.
            properties["col"] = span.column
            properties["endColumn"] = max(span.column, span.end_column - 1)
    properties["title"] = diagnostic.code
    said = [diagnostic.message]
    said += [f"{label.span}: {label.text}" for label in diagnostic.labels]
    if diagnostic.hint:
        said.append(f"help: {diagnostic.hint}")
    said += [f"note: {note}" for note in diagnostic.notes]
    shown = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{_COMMANDS[diagnostic.severity]} {shown}::{_data(mask(chr(10).join(said)))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
