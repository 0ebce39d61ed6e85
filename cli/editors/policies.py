"""Which policy a file is part of, and its texts: as they are on disk, and open in an editor."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from compiler.read import Sources, goes_with, is_policy_file, read, sources_of

Texts = Mapping[Path, str]
"""What is open in an editor, by the absolute path of its file; it goes before what is on disk."""

_SAYS_VERSION = re.compile(r"^[\"']?gatewright[\"']?[ \t]*:", re.MULTILINE)
_SUFFIXES = (".yaml", ".yml")
_LONGEST = 1 << 20
_MOST_UP = 64
_MOST_BELOW = 1_000


def says_version(text: str) -> bool:
    """Whether a text is the file of a policy that holds `gatewright: v1`."""
    return _SAYS_VERSION.search(text) is not None


def policy_of(file: Path, texts: Texts, within: Path | None = None) -> Path | None:
    """Give the folder or the file that is the policy of ``file``; None where it is of none.

    It is the nearest folder above with a file that says `gatewright:`; of a folder with several
    that do, each is a policy of its own. No folder above ``within`` is looked at.
    """
    for folder in list(file.parents)[:_MOST_UP]:
        said = [one for one in _files(folder, texts) if says_version(_text(one, texts))]
        if len(said) == 1:
            return said[0] if _holds_others(folder, said[0], texts) else folder
        if said:
            return file if file in said else None
        if folder == within:
            break
    return None


def sources(policy: Path, texts: Texts) -> Sources:
    """Read a policy, with the texts that are open in place of those on disk."""
    on_disk = read(policy)
    folder = policy if policy.is_dir() else policy.parent
    files: dict[str, bytes | str] = {
        source.name.removeprefix(on_disk.root): source.text
        for source in (*on_disk.policies, *on_disk.endpoints, *on_disk.key_sets)
    }
    problems = {one.span.file if one.span else "": one for one in on_disk.problems}
    for path, text in texts.items():
        if not path.is_relative_to(folder):
            continue
        name = path.relative_to(folder).as_posix()
        if is_policy_file(name) if policy.is_dir() else goes_with(name, policy.name):
            files[name] = text
            problems.pop(on_disk.root + name, None)
            problems.pop("", None)  # such as that there is no file yet
    return sources_of(files, on_disk.root, problems.values())


def _holds_others(folder: Path, said: Path, texts: Texts) -> bool:
    """Whether folders below hold policies of their own, as a folder of examples does."""
    opened = (path for path in texts if path.suffix in _SUFFIXES and folder in path.parents)
    nested = (*opened, *islice(_below(folder), _MOST_BELOW))
    return any(path != said and says_version(_text(path, texts)) for path in nested)


def _below(folder: Path) -> Iterator[Path]:
    """Give the YAML files of a folder and those in it, but for what is hidden."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(names) if name.endswith(_SUFFIXES))


def _files(folder: Path, texts: Texts) -> list[Path]:
    try:
        found = {path for path in folder.iterdir() if path.suffix in _SUFFIXES}
    except OSError:
        found = set()
    found |= {path for path in texts if path.parent == folder and path.suffix in _SUFFIXES}
    return sorted(path for path in found if not path.name.startswith("."))


def _text(path: Path, texts: Texts) -> str:
    if path in texts:
        return texts[path]
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""
