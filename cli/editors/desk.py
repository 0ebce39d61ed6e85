"""What an editor has open, and what is known of the policies that it is part of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.editors.policies import policy_of, says_version, sources
from compiler.language.understanding import NOTHING, Understood, retold, understand
from compiler.read import sources_of
from compiler.source import SourceFile


@dataclass(frozen=True, slots=True)
class Document:
    """A text in an editor; ``path`` is None for one that is not a file yet."""

    uri: str
    path: Path | None
    text: str

    @property
    def name(self) -> str:
        """What the compiler calls its file."""
        return self.uri if self.path is None else self.path.as_posix()


class Desk:
    """The open documents, and the policies that were understood last, by where they are.

    ``policy`` is the one that all documents are part of; each one's own is looked for unless given.
    """

    def __init__(self, policy: Path | None = None) -> None:
        self._policy = policy
        self._known: dict[str, Understood] = {}
        self.documents: dict[str, Document] = {}
        self.folders: list[Path] = []

    def policy(self, document: Document) -> str | None:
        """Give the policy that a document is part of, by its path or address; None: of none."""
        if document.path is None:
            return document.uri if says_version(document.text) else None
        if self._policy is not None:
            return str(self._policy)
        inside = [one for one in self.folders if document.path.is_relative_to(one)]
        within = max(inside, key=lambda one: len(one.parts), default=document.path.parent)
        found = policy_of(document.path, self._texts(), within)
        return None if found is None else str(found)

    def understand(self, policy: str) -> Understood:
        """Read and compile a policy; what it was before helps where it has faults now."""
        alone = self.documents.get(policy)
        if alone is not None and alone.path is None:
            read = sources_of({policy: alone.text})
        else:
            read = sources(Path(policy), self._texts())
        known = understand(read, self._known.get(policy))
        self._known[policy] = known
        return known

    def known(self, document: Document) -> Understood:
        """Give what is known around a document, with its text as it is now."""
        policy = self.policy(document)
        if policy is None:
            alone = SourceFile(document.name, document.text)
            return retold(NOTHING, alone.name, alone.text)
        known = self._known.get(policy)
        return retold(
            self.understand(policy) if known is None else known, document.name, document.text
        )

    def forget(self, policy: str) -> None:
        """Drop what is known of a policy that is open no more."""
        self._known.pop(policy, None)

    def _texts(self) -> dict[Path, str]:
        return {one.path: one.text for one in self.documents.values() if one.path is not None}
