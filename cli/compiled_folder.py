"""The folder of compiled YAML that a repository keeps beside a policy, for reviewers to read.

One file a group of nodes and type of resource, resources sorted by name, nothing that is a default:
what a change of the policy moves is what its diff shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import exits
from cli.envoy_yaml import envoy_yaml

if TYPE_CHECKING:
    from compiler.fleet import Fleet

Files = Mapping[str, str]
"""Texts by path below the folder, with ``/`` between."""

HEADER: Final = "# Written by `gatewright compile --out`. Read it in reviews; change the policy.\n"
_MARK: Final = "# Written by `gatewright compile --out`"


@dataclass(frozen=True, slots=True)
class Differing:
    """How a folder differs from what it should hold, by path below it."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    stale: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.missing or self.changed or self.stale)


def files_of(fleet: Fleet) -> dict[str, str]:
    """Give what the folder should hold: ``GROUP/TYPE.yaml``; empty sections have no file."""
    from compiler.dump import dump_resources

    files: dict[str, str] = {}
    for build in fleet:
        for section, resources in dump_resources(build.lowered).items():
            if resources:
                text = HEADER + envoy_yaml(resources)
                files[f"{build.group.name}/{section}.yaml"] = text
    return files


def differing(folder: Path, files: Files) -> Differing:
    """Compare a folder with what it should hold; files that are not ours do not count."""
    there = _ours(folder)
    wanted = {name for name in files if not (folder / name).is_file()}
    return Differing(
        missing=tuple(sorted(wanted)),
        changed=tuple(
            name
            for name in sorted(files)
            if name not in wanted and (folder / name).read_bytes() != files[name].encode()
        ),
        stale=tuple(sorted(there - set(files))),
    )


def write(folder: Path, files: Files) -> Differing:
    """Bring a folder to what it should hold; files of earlier runs go, others are left alone.

    Raises:
        CannotRunError: a file is in the way that no earlier run wrote.
    """
    found = differing(folder, files)
    for name in found.changed:
        if not _is_ours(folder / name):
            raise exits.CannotRunError(
                f"{folder / name} is not a file that this command wrote",
                hint="move it, or name another folder",
            )
    for name in (*found.missing, *found.changed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(files[name], encoding="utf-8", newline="\n")
    for name in found.stale:
        (folder / name).unlink()
        parent = (folder / name).parent
        if parent != folder and not any(parent.iterdir()):
            parent.rmdir()
    return found


def check_place(folder: Path, policy: Path) -> None:
    """Refuse a folder whose files would be read as a part of the policy.

    Raises:
        CannotRunError: it lies in the policy's folder and is not left out of it.
    """
    from compiler.read import is_policy_file

    root = policy.resolve()
    inside = folder.resolve()
    if not root.is_dir() or not inside.is_relative_to(root):
        return
    name = (inside / "group" / "routes.yaml").relative_to(root).as_posix()
    if is_policy_file(name):
        raise exits.CannotRunError(
            f"{folder} is a part of the policy {policy}, and what is written there would be read",
            hint="call the folder `compiled`, which policies leave out, or put it elsewhere",
        )


def _ours(folder: Path) -> set[str]:
    """Give the files below that an earlier run wrote."""
    return {
        path.relative_to(folder).as_posix() for path in folder.glob("*/*.yaml") if _is_ours(path)
    }


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()
