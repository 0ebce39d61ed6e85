"""Changes one file of a policy in place, if the policy compiles with the change.

The file is replaced as a whole (a reader sees the old one or the new one), keeps its mode, and is
left untouched where the result would be wrong or somebody else saved it meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import exits

if TYPE_CHECKING:
    from compiler.pipeline import Compiled
    from compiler.read import Sources

_BOM: Final = "\ufeff"
_TRIES: Final = 100


class WrongPolicyError(Exception):
    """The policy would be wrong, or is already; ``compiled`` has the diagnostics."""

    def __init__(self, compiled: Compiled) -> None:
        super().__init__("the policy has errors")
        self.compiled = compiled


def edit(
    policy: Path,
    belongs: Callable[[str], bool],
    change: Callable[[str], str],
    *,
    before: Callable[[], None] = lambda: None,
) -> Path | None:
    """Change the text of the first file that it belongs to; None where there is no such file.

    ``change`` gets the text and gives the new one; ``before`` is called when all is well, before
    the file is replaced. Raises WrongPolicyError, CannotRunError and OSError, and whatever
    ``change`` does; then nothing was written.
    """
    for _ in range(_TRIES):
        try:
            return _edit(policy, belongs, change, before)
        except _ChangedError:
            continue  # another command came first: what it wrote is to stay
    raise _meanwhile(policy)


def rewrite(path: Path, old: str, new: str) -> None:
    """Put ``new`` in the place of a file whose text was ``old``, without a byte order mark.

    Raises CannotRunError where somebody else saved it meanwhile, and OSError.
    """
    with _locked(path) as content:
        try:
            unchanged = content.decode().removeprefix(_BOM) == old
        except UnicodeDecodeError:
            unchanged = False
        if not unchanged:
            raise _meanwhile(path)
        _replace(path, content, new.encode())


class _ChangedError(Exception):
    """The file is no longer what was read."""


def _edit(
    policy: Path,
    belongs: Callable[[str], bool],
    change: Callable[[str], str],
    before: Callable[[], None],
) -> Path | None:
    from compiler.read import read

    sources = read(policy)
    for source in sources.policies:
        if not belongs(source.text):
            continue
        path = Path(source.name)
        with _locked(path) as content:
            old = content.decode()
            bom = _BOM if old.startswith(_BOM) else ""
            if old.removeprefix(_BOM) != source.text:
                raise _ChangedError
            new = change(source.text)
            _compile(sources, source.name, new)
            before()
            if new != source.text:
                _replace(path, content, (bom + new).encode())
        return path
    return None


def _compile(sources: Sources, name: str, text: str) -> None:
    """See that the policy is right with this text in a file's place; raises WrongPolicyError."""
    from compiler.pipeline import compile_sources

    policies = tuple(
        replace(one, text=text) if one.name == name else one for one in sources.policies
    )
    compiled = compile_sources(replace(sources, policies=policies))
    if not compiled.ok:
        raise WrongPolicyError(compiled)


@contextmanager
def _locked(path: Path) -> Iterator[bytes]:
    """Keep other commands away from a file, and give its content."""
    while True:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock has put another file in its place: that is the one to lock.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file.read()
                return


def _replace(path: Path, content: bytes, new: bytes) -> None:
    real = path.resolve()  # a link stays one
    descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(real, temporary)
        owner = real.stat()
        # Root may edit another's file; anybody else has made it as himself already.
        with contextlib.suppress(PermissionError):
            os.chown(temporary, owner.st_uid, owner.st_gid)
        _still(path, content)
        Path(temporary).replace(real)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _still(path: Path, content: bytes) -> None:
    """See that nobody saved the file meanwhile: an editor asks for no lock."""
    if path.read_bytes() != content:
        raise _meanwhile(path)


def _meanwhile(path: Path) -> exits.CannotRunError:
    return exits.CannotRunError(
        f"{path} was saved by somebody else meanwhile; nothing was written",
        hint="run the command again",
    )
