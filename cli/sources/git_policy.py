"""The texts of a policy, read from the objects of one commit."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from cli.sources import git_tree
from cli.sources.git_objects import Objects
from cli.sources.git_tree import Entry
from compiler.diagnostic import Diagnostic
from compiler.read import (
    MAX_FILE,
    MAX_FILES,
    Sources,
    printable_name,
    sources_of,
    too_large,
    unreadable,
)


class CommitError(Exception):
    """The commit has no policy where one is to be; ``code`` and ``hint`` are a diagnostic's."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


async def policy_of(objects: Objects, commit: str, path: str) -> Sources:
    """Read the policy at ``path`` of a commit: a folder, or a file with the endpoints beside it.

    Raises CommitError, and GitError where git fails. Files are named by their place in the
    repository.
    """
    folder, file = await _place(objects, commit, path)
    tree = await objects.tree(commit, folder)
    names = git_tree.chosen(tree, file)
    if len(names) > MAX_FILES:
        raise CommitError(
            "too-many-files",
            f"there are more than {MAX_FILES} policy files in `{folder or '.'}`",
            "name the folder that holds nothing but the policy with --path",
        )
    if not names:
        raise CommitError(
            "no-policy-files",
            f"there are no policy files in `{folder or '.'}`",
            "policies are files that end with `.yaml` or `.yml`",
        )
    root = f"{folder}/" if folder else ""
    found, problems = await _followed(objects, tree, names, root)
    wanted = list(found.items())
    contents = await objects.blobs([entry for _, entry in wanted])
    files = {
        printable_name(name): content for (name, _), content in zip(wanted, contents, strict=True)
    }
    return sources_of(files, printable_name(root), problems)


async def _place(objects: Objects, commit: str, path: str) -> tuple[str, str]:
    """Give the policy's folder, and its one file where ``path`` names a file."""
    for _ in range(git_tree.MOST_HOPS):
        if not path:
            return "", ""
        entry = await objects.entry(commit, path)
        if entry is None:
            break
        if entry.mode == git_tree.LINK:
            [text] = await objects.blobs([entry])
            try:
                path = git_tree.led(path, text)
            except ValueError:
                break
            path = "" if path == "." else path
            continue
        if entry.mode == git_tree.SUBMODULE:
            break
        return (path, "") if entry.is_folder else (posixpath.dirname(path), entry.base)
    raise CommitError(
        "no-such-file",
        f"there is no file or folder `{path}`",
        "--path names a folder of policy files, or one file, of the repository itself",
    )


async def _followed(
    objects: Objects, tree: Mapping[str, Entry], names: list[str], root: str
) -> tuple[dict[str, Entry], list[Diagnostic]]:
    """Give the file that each name stands for, behind symbolic links, and what leads nowhere."""
    ends = {name: name for name in names}
    faults: dict[str, str] = {}
    for _ in range(git_tree.MOST_HOPS):
        hops = {name: at for name, at in ends.items() if tree[at].mode == git_tree.LINK}
        if not hops:
            break
        texts = await objects.blobs([tree[at] for at in hops.values()])
        for (name, at), text in zip(hops.items(), texts, strict=True):
            try:
                ends[name] = git_tree.target(at, text, tree)
            except ValueError as error:
                faults[name] = str(error)
                del ends[name]
    found: dict[str, Entry] = {}
    problems: list[Diagnostic] = []
    for name in names:
        shown = printable_name(root + name)
        if name in faults:
            problems.append(unreadable(shown, faults[name]))
            continue
        entry = tree[ends[name]]
        if entry.mode in {git_tree.LINK, git_tree.SUBMODULE}:
            problems.append(unreadable(shown, "it is no file"))
        elif entry.size > MAX_FILE:
            problems.append(too_large(shown, entry.size))
        else:
            found[name] = entry
    return found, problems
