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
        self._asked: dict[str, int] = {}
        self._found: dict[str, str | None] = {}  # policies, by documents that are part of them
        self.documents: dict[str, Document] = {}
        self.folders: list[Path] = []

    def policy(self, document: Document) -> str | None:
        """Give the policy that a document is part of, by its path or address; None: of none."""
        if document.path is None:
            return document.uri if says_version(document.text) else None
        if self._policy is not None:
            return str(self._policy)
        if document.uri not in self._found:
            self._found[document.uri] = self._find(document, document.path)
        return self._found[document.uri]

    def _find(self, document: Document, path: Path) -> str | None:
        inside = [one for one in self.folders if path.is_relative_to(one)]
        within = max(inside, key=lambda one: len(one.parts), default=path.parent)
        found = policy_of(path, self._texts() | {path: document.text}, within)
        return None if found is None else str(found)

    def put(self, document: Document) -> None:
        """Take a document's text; which policy is whose is looked for again if that may differ."""
        before = self.documents.get(document.uri)
        self.documents[document.uri] = document
        if before is None or says_version(before.text) != says_version(document.text):
            self.look_again()

    def drop(self, uri: str) -> Document | None:
        """Drop a document; what is on disk holds again."""
        document = self.documents.pop(uri, None)
        self.look_again()
        return document

    def look_again(self) -> None:
        """Look for policies anew: files came or went, or say something else."""
        self._found.clear()

    def understand(self, policy: str) -> Understood:
        """Read and compile a policy; what it was before helps where it has faults now.

        It may be called beside itself, of another thread: what was asked for last is kept.
        """
        asked = self._asked[policy] = self._asked.get(policy, 0) + 1
        alone = self.documents.get(policy)
        if alone is not None and alone.path is None:
            read = sources_of({policy: alone.text})
        else:
            read = sources(Path(policy), self._texts())
        known = understand(read, self._known.get(policy))
        if self._asked[policy] == asked:
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
        return {one.path: one.text for one in list(self.documents.values()) if one.path is not None}
