"""What the compiler tells people: diagnostics with spans, and the reporter that collects them.

A code is a name (``unknown-provider``), given where the fault is found; there is no central table.
A stage reports all that it finds and goes on; the pipeline stops at the end of a stage that failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from compiler.source import Span
from compiler.spelling import did_you_mean

__all__ = ["Diagnostic", "Label", "Reporter", "Severity", "did_you_mean"]


class Severity(StrEnum):
    """How bad it is: an error stops the build, a warning does not, a note explains."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that helps to understand the first ("declared here")."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: ``text`` stands under the caret of ``span``, ``hint`` says what to do.

    ``notes`` say what else helps to see it, such as a request that shows it.
    """

    code: str
    severity: Severity
    message: str
    span: Span | None = None
    text: str = ""
    labels: tuple[Label, ...] = ()
    hint: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Reporter:
    """Collects the diagnostics of one compilation, in the order in which they are found."""

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        text: str = "",
        *,
        labels: Iterable[Label] = (),
        hint: str | None = None,
    ) -> None:
        """Report a fault that stops the build at the end of this stage."""
        self.add(Diagnostic(code, Severity.ERROR, message, span, text, tuple(labels), hint))

    def warning(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        text: str = "",
        *,
        labels: Iterable[Label] = (),
        hint: str | None = None,
    ) -> None:
        """Report something that is allowed but probably not meant."""
        self.add(Diagnostic(code, Severity.WARNING, message, span, text, tuple(labels), hint))

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic that was made elsewhere."""
        self.diagnostics.append(diagnostic)

    @property
    def failed(self) -> bool:
        """Whether any error was reported so far."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics)
