"""The options of a command that follows a policy, and the source that they name."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.sources.scratch import scratch

if TYPE_CHECKING:
    from cli.sources.git import GitSource, Tell
    from cli.sources.git_address import Remote
    from cli.sources.git_command import Git
    from cli.sources.git_signature import Keyring
    from cli.sources.source import Source
    from xds.secrets import SecretReader

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_ONLY_GIT: Final = ("ref", "path_in_repository", "every", "keyring", "credentials", "insecure")
_EVERY: Final = 30.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a Git repository and of where secrets lie."""
    # A policy and a repository exclude each other; None tells that neither was named.
    parser.set_defaults(path=None)
    group = parser.add_argument_group("a policy in a Git repository")
    group.add_argument(
        "--git",
        type=_address,
        metavar="URL",
        help="follow a repository and not a folder: https://, ssh:// or file://, user@host:path, "
        "or a local path; needs `git`",
    )
    group.add_argument(
        "--ref",
        type=_ref,
        metavar="REF",
        help="a branch, a tag or a full commit: main, v1.2, refs/tags/v1.2 "
        "(default: the repository's default branch)",
    )
    group.add_argument(
        "--path",
        type=_path,
        dest="path_in_repository",
        metavar="PATH",
        help="the policy's folder or file in the repository (default: all of it)",
    )
    group.add_argument(
        "--every",
        type=_duration,
        metavar="TIME",
        help="how often to ask the repository, from 1s (default: 30s); SIGHUP asks at once",
    )
    group.add_argument(
        "--verify-signatures",
        type=Path,
        dest="keyring",
        metavar="FILE",
        help="serve only what a key of this file signed: an allowed_signers file of SSH, or "
        "exported OpenPGP public keys",
    )
    group.add_argument(
        "--git-credentials",
        type=_source,
        dest="credentials",
        metavar="SOURCE",
        help="env:NAME or file:PATH that holds user:password or a token, for https",
    )
    group.add_argument(
        "--git-insecure",
        action="store_const",
        const=True,
        dest="insecure",
        help="allow http:// and git:// too, where nobody proves who answers",
    )
    parser.add_argument(
        "--secrets-root",
        type=Path,
        metavar="FOLDER",
        help="where relative paths of `file:` secrets start, and all such secrets must lie "
        "(default: the policy's folder, unconfined; with --git the working directory, confined)",
    )


def misuse(args: argparse.Namespace) -> str | None:
    """Say what does not go together, or None."""
    if args.git is not None:
        return "POLICY and --git exclude each other" if args.path is not None else None
    spelled = {"path_in_repository": "path", "keyring": "verify-signatures"}
    spelled |= {"credentials": "git-credentials", "insecure": "git-insecure"}
    alone = [name for name in _ONLY_GIT if getattr(args, name) is not None]
    return f"--{spelled.get(alone[0], alone[0])} needs --git" if alone else None


def secret_reader(args: argparse.Namespace, environ: Mapping[str, str]) -> SecretReader:
    """Give the reader of the policy's secrets.

    Whoever may push to a repository is not for that reason allowed to read this machine's files:
    secrets of a repository's policy come from one folder, and never from the repository.
    """
    from xds.secrets import SecretReader

    if args.git is not None:
        kind, _, name = (args.credentials or "").partition(":")
        kept = {k: v for k, v in environ.items() if kind != "env" or k != name}
        return SecretReader(args.secrets_root or Path(), kept, confined=True)
    if args.secrets_root is not None:
        return SecretReader(args.secrets_root, environ, confined=True)
    path = args.path or Path()
    return SecretReader(path if path.is_dir() else path.parent, environ)


@asynccontextmanager
async def opened(
    args: argparse.Namespace, *, tell: Tell, last: Callable[[], str]
) -> AsyncIterator[Source]:
    """Open the source that the options name; raises CannotRunError where that cannot be.

    ``last`` gives the commit that was served before a restart.
    """
    if args.git is None:
        from cli.sources.folder import FolderSource
        from cli.sources.work_tree import folder_revision

        yield FolderSource(args.path or Path(), revision=folder_revision)
        return
    with scratch(args.state) as folder:
        yield await _git_source(args, folder, tell, last)


async def _git_source(
    args: argparse.Namespace, folder: Path, tell: Tell, last: Callable[[], str]
) -> GitSource:
    from cli.sources.git import GitSource, Settings
    from cli.sources.git_ref import Wanted

    protocols = _protocols(args)
    settings = Settings(
        remote=_remote(args.git, protocols),
        wanted=args.ref or Wanted(),
        path=args.path_in_repository or "",
        every=args.every or _EVERY,
        keyring=_keyring(args.keyring, folder / "keys"),
    )
    return GitSource(
        settings,
        await _git(protocols),
        folder,
        tell=tell,
        credentials=_credentials(args.credentials),
        last=last,
    )


async def _git(protocols: frozenset[str]) -> Git:
    from cli.sources.git_command import Git, NoGitError, check_version, find_git

    try:
        git = Git(find_git(os.environ), os.environ, protocols)
        await check_version(git)
    except NoGitError as error:
        raise exits.CannotRunError(str(error), hint="--git needs it; install git") from None
    return git


def _keyring(path: Path | None, home: Path) -> Keyring | None:
    from cli.sources.git_signature import Keyring, UntrustedError, kind_of, needed_program

    if path is None:
        return None
    try:
        kind = kind_of(path.read_bytes())
    except OSError as error:
        raise exits.CannotRunError(f"{path} cannot be read: {error.strerror}") from None
    except UntrustedError as error:
        raise exits.CannotRunError(str(error)) from None
    if shutil.which(program := needed_program(kind)) is None:
        raise exits.CannotRunError(f"there is no `{program}` to check signatures with")
    return Keyring(path.absolute(), home)


def _credentials(source: str | None) -> Callable[[], tuple[str, str]] | None:
    from cli.sources.git_address import credentials
    from cli.sources.git_command import GitError

    if source is None:
        return None
    kind, _, place = source.partition(":")

    def read() -> tuple[str, str]:
        try:
            text = os.environ[place] if kind == "env" else Path(place).read_text()
        except (OSError, KeyError, ValueError):
            raise GitError(f"the credentials in {source} cannot be read") from None
        return credentials(text)

    return read


def _protocols(args: argparse.Namespace) -> frozenset[str]:
    from cli.sources.git_address import KNOWN, SAFE

    return KNOWN if args.insecure else SAFE


def _remote(text: str, protocols: frozenset[str]) -> Remote:
    from cli.sources.git_address import AddressError, remote

    try:
        return remote(text, here=Path.cwd(), allowed=protocols)
    except AddressError as error:
        raise exits.CannotRunError(f"--git: {error}") from None


def _address(text: str) -> str:
    from cli.sources.git_address import KNOWN, AddressError, remote

    # Its own message: argparse would show the text, and a password in it.
    try:
        remote(text, here=Path.cwd(), allowed=KNOWN)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _ref(text: str) -> Any:
    from cli.sources.git_ref import RefError, wanted

    try:
        return wanted(text)
    except RefError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _path(text: str) -> str:
    from cli.sources.git_tree import policy_path

    try:
        return policy_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _duration(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})(s|m|h)", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 1s to 24h: `30s`, `5m`, `1h`")
    return float(seconds)


def _source(text: str) -> str:
    kind, colon, place = text.partition(":")
    if kind not in {"env", "file"} or not colon or not place:
        # Somebody may have written the token itself: it is not shown.
        raise argparse.ArgumentTypeError("write env:NAME or file:PATH, not the token itself")
    return text
