"""What of a repository is wanted, and what the repository answers: pure text, no process.

Sources: git-check-ref-format and git-ls-remote of Git's manual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

BRANCHES: Final = "refs/heads/"
TAGS: Final = "refs/tags/"

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FORBIDDEN: Final = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|/$|\.$|\.lock(/|$)|(^|/)\."
)


class RefError(ValueError):
    """What is wanted is neither a branch, a tag nor a full commit, or it is not there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A commit by its full id, or names of which one is to exist; no names: the default branch."""

    commit: str = ""
    names: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[str, ...]:
        """What to ask `git ls-remote` for."""
        return self.names or ("HEAD",)


@dataclass(frozen=True, slots=True)
class Advertised:
    """A ref as the repository has it now; ``name`` is full, or empty for a commit."""

    name: str
    object_id: str

    @property
    def is_tag(self) -> bool:
        """Whether it is meant to stay where it is."""
        return self.name.startswith(TAGS)


def wanted(text: str) -> Wanted:
    """Read ``main``, ``v1.2``, ``refs/heads/main``, ``refs/tags/v1.2`` or a full commit."""
    if not text:
        return Wanted()
    if _COMMIT.fullmatch(text.lower()):
        return Wanted(commit=text.lower())
    if _FORBIDDEN.search(text) or text == "@":
        raise RefError(f"{text!r} can be no name of a branch or tag")
    if text.startswith("refs/"):
        # Anybody who may open a pull request writes to refs/pull; notes and stashes are no policy.
        if not text.startswith((BRANCHES, TAGS)):
            raise RefError(f"{text!r} is no branch (refs/heads/...) and no tag (refs/tags/...)")
        return Wanted(names=(text,))
    return Wanted(names=(BRANCHES + text, TAGS + text))


def advertised(want: Wanted, answer: str) -> Advertised:
    """Find what is wanted in the output of ``git ls-remote --symref``; raise RefError."""
    found: dict[str, str] = {}
    default = ""
    for line in answer.splitlines():
        what, _, name = line.partition("\t")
        if what.startswith("ref: ") and name == "HEAD":
            default = what.removeprefix("ref: ")
        elif _COMMIT.fullmatch(what):
            found[name] = what
    if not want.names:
        if "HEAD" not in found:
            raise RefError("the repository has no default branch, or nothing in it")
        return Advertised(default or "HEAD", found["HEAD"])
    # The patterns also match refs/remotes/x/refs/heads/main and the like: names are compared.
    present = [name for name in want.names if name in found]
    if not present:
        named = want.names[0]
        short = named.removeprefix(BRANCHES).removeprefix(TAGS)
        kind = "branch or tag" if len(want.names) > 1 else _kind(named)
        raise RefError(f"the repository has no {kind} `{short}`")
    if len(present) > 1:
        raise RefError(f"there are a branch and a tag of that name: say {' or '.join(present)}")
    return Advertised(present[0], found[present[0]])


def _kind(name: str) -> str:
    return "tag" if name.startswith(TAGS) else "branch"
