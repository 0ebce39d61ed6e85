"""Choices by name, glob or tag: which models, routes or tenants they stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.schema.choices import TAG
from compiler.source import Path
from xds.glob import ANY, matches


class Choices:
    """All that can be chosen of one kind; many places choose the same, so each is found once.

    ``names`` gives what each name means (an alias means its model), ``tags`` the tags of what they
    mean, ``places`` where each was written. ``complete`` is false where some were left out because
    of their faults: then none is said to be unknown.
    """

    __slots__ = ("_by_tag", "_found", "_names", "_places", "_told", "complete", "kind")

    def __init__(
        self,
        kind: str,
        names: Mapping[str, str],
        tags: Mapping[str, Iterable[str]],
        places: Mapping[str, Path],
        *,
        complete: bool = True,
    ) -> None:
        self.kind = kind
        self.complete = complete
        self._names = names
        self._places = places
        self._found: dict[str, frozenset[str]] = {}
        self._told: dict[tuple[str, ...], tuple[str, ...]] = {}
        by_tag: defaultdict[str, set[str]] = defaultdict(set)
        for name, words in tags.items():
            for word in words:
                by_tag[word].add(name)
        self._by_tag = by_tag

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags that something has."""
        return tuple(self._by_tag)

    def chosen(
        self, written: tuple[str, ...], path: Path, whose: str, findings: Findings
    ) -> tuple[str, ...]:
        """Give what a list of choices stands for, sorted; what stands for nothing is reported.

        ``whose`` tells in messages who chooses, such as ``tenant `acme` may use``.
        """
        known = self._told.get(written)
        if known is not None:
            return known
        found: set[str] = set()
        good = True
        for place, choice in enumerate(written):
            taken = self._taken(choice)
            found |= taken
            if not taken:
                good = False
                if self.complete:
                    self._report(choice, (*path, place), whose, findings)
        result = tuple(sorted(found))
        if good:
            self._told[written] = result
        return result

    def meaning(self, name: str) -> str | None:
        """Give what a plain name means, or None where there is no such."""
        return self._names.get(name)

    def unknown(self, name: str, path: Path, whose: str, findings: Findings) -> None:
        """Report a plain name that means nothing."""
        if not self.complete:
            return
        close = did_you_mean(name, self._names)
        at = None if close is None else self._places.get(self._names[close])
        findings.error(
            f"unknown-{self.kind}",
            f"{whose} {self.kind} `{name}`",
            path,
            f"no such {self.kind}",
            labels=[] if at is None else [(at, f"this is `{close}`")],
            hint=self._listing() if close is None else f"did you mean `{close}`?",
        )

    def _taken(self, choice: str) -> frozenset[str]:
        found = self._found.get(choice)
        if found is None:
            if choice.startswith(TAG):
                found = frozenset(self._by_tag.get(choice.removeprefix(TAG), ()))
            elif ANY in choice:
                taken = (meant for name, meant in self._names.items() if matches(choice, name))
                found = frozenset(taken)
            else:
                meant = self._names.get(choice)
                found = frozenset() if meant is None else frozenset((meant,))
            self._found[choice] = found
        return found

    def _report(self, choice: str, path: Path, whose: str, findings: Findings) -> None:
        if not (choice.startswith(TAG) or ANY in choice):
            self.unknown(choice, path, whose, findings)
            return
        hint = f"write the name of a {self.kind}, or remove it"
        if choice.startswith(TAG):
            close = did_you_mean(choice.removeprefix(TAG), self._by_tag)
            hint = f"did you mean `{TAG}{close}`?" if close else f"give a {self.kind} this tag"
        findings.error(
            "matches-nothing",
            f"{whose} {self.kind}s `{choice}`, and there are none",
            path,
            f"no {self.kind} matches",
            hint=hint,
        )

    def _listing(self) -> str:
        names = sorted(self._names)
        if not names:
            return f"there are no {self.kind}s yet"
        some = ", ".join(f"`{name}`" for name in names[:6])
        return f"there are {some}" + (" and more" if len(names) > 6 else "")
