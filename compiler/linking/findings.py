"""Reporting at places of the document, and references to names that must exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compiler.diagnostic import Label, Reporter, did_you_mean
from compiler.linking.linked import Locate
from compiler.source import Path


@dataclass(frozen=True, slots=True)
class Findings:
    """A reporter that takes places of the document instead of spans."""

    reporter: Reporter
    locate: Locate

    def silent(self) -> Findings:
        """Give one that tells nobody, for what was told already."""
        return Findings(Reporter(), self.locate)

    def error(
        self,
        code: str,
        message: str,
        path: Path,
        text: str = "",
        *,
        labels: Iterable[tuple[Path, str]] = (),
        hint: str | None = None,
    ) -> None:
        """Report a fault; ``labels`` are other places, each with what is to be said there."""
        shown = [Label(self.locate(other), said) for other, said in labels]
        self.reporter.error(code, message, self.locate(path), text, labels=shown, hint=hint)

    def warning(
        self,
        code: str,
        message: str,
        path: Path,
        text: str = "",
        *,
        labels: Iterable[tuple[Path, str]] = (),
        hint: str | None = None,
    ) -> None:
        """Report what is allowed, but probably not meant."""
        shown = [Label(self.locate(other), said) for other, said in labels]
        self.reporter.warning(code, message, self.locate(path), text, labels=shown, hint=hint)

    def unknown(
        self,
        kind: str,
        section: str,
        name: str,
        known: Iterable[str],
        message: str,
        path: Path,
        *,
        hint: str | None = None,
    ) -> None:
        """Report a name of a ``kind`` that ``section`` does not declare, and the likeliest one."""
        names = list(known)
        close = did_you_mean(name, names)
        labels: list[tuple[Path, str]] = []
        if close is not None:
            hint = f"did you mean `{close}`?"
            labels.append(((section, close), "declared here"))
        elif hint is None:
            hint = _listing(section, names)
        self.error(f"unknown-{kind}", message, path, f"no such {kind}", labels=labels, hint=hint)


def _listing(section: str, names: list[str]) -> str:
    """Say what there is to choose from."""
    if not names:
        return f"declare it under `{section}:`; there are none yet"
    some = ", ".join(f"`{name}`" for name in sorted(names)[:6])
    return f"`{section}:` has {some}" + (" and more" if len(names) > 6 else "")
