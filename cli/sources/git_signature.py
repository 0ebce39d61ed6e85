"""Whose signature a commit or tag must bear to be served.

A keyring is an `allowed_signers` file of SSH (ssh-keygen's manual, "ALLOWED SIGNERS") or exported
OpenPGP public keys. Only what is in that one file counts, whatever other keys the machine knows.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cli.sources.git_command import GitError, private_folder, reason
from cli.sources.git_mirror import Mirror
from cli.sources.git_object import printable

Kind = Literal["ssh", "openpgp"]

_ARMOR: Final = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_NOBODY: Final = "false"
"""A program that fails: signatures of the other kinds are never good."""

_SSH: Final = re.compile(r'^Good "git" signature for (.+) with (\S+) key (\S+)$', re.MULTILINE)
_VALID: Final = re.compile(r"^\[GNUPG:\] VALIDSIG (\S+)", re.MULTILINE)
_GOOD: Final = re.compile(r"^\[GNUPG:\] GOODSIG \S+ (.*)$", re.MULTILINE)
_FAULTS: Final = (
    ("REVKEYSIG", "the key was revoked"),
    ("EXPKEYSIG", "the key has expired"),
    ("EXPSIG", "the signature has expired"),
    ("BADSIG", "the signature does not fit the content"),
    ("NO_PUBKEY", "the key is not in the keyring"),
    ("No principal matched", "the key is not in the keyring"),
)


class UntrustedError(Exception):
    """The object bears no signature that counts; the message says why."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """A file of trusted keys, by its absolute path; ``home`` is our own folder for OpenPGP."""

    path: Path
    home: Path

    def stamp(self) -> tuple[int, int]:
        """Something that changes when the file does: an object is judged again then."""
        try:
            stat = self.path.stat()
        except OSError:
            return (0, 0)
        return (stat.st_mtime_ns, stat.st_size)

    async def check(self, mirror: Mirror, kind: str, object_id: str) -> str:
        """Return who signed a ``commit`` or ``tag`` of the mirror; raise UntrustedError."""
        data = await asyncio.to_thread(_content, self.path)
        found = kind_of(data)
        await asyncio.to_thread(shutil.rmtree, self.home, ignore_errors=True)
        private_folder(self.home)
        if found == "openpgp":
            await _import(self.path, self.home)
        ended = await mirror.verify(
            f"verify-{kind}", object_id, _settings(found, self.path), self.home
        )
        if ended.code != 0:
            raise UntrustedError(fault(ended.err))
        return signer(ended.err)


def kind_of(data: bytes) -> Kind:
    """Tell what kind of keyring it is; raise UntrustedError where it is none."""
    if _ARMOR in data or (data[:1] and data[0] & 0x80 and not _is_text(data)):
        return "openpgp"
    if data[8:12] == b"KBXf":
        raise UntrustedError("the keyring is a keybox of gpg's own: use `gpg --export` to make one")
    return "ssh"


def needed_program(kind: Kind) -> str:
    """The program that checks signatures of this kind."""
    return "ssh-keygen" if kind == "ssh" else "gpg"


def signer(said: str) -> str:
    """Read from git's words who signed, and with which key."""
    if found := _SSH.search(said):
        return printable(f"{found[1]} ({found[3]})")
    name, key = _GOOD.search(said), _VALID.search(said)
    if name and key:
        return printable(f"{name[1]} ({key[1]})")
    return "unknown"


def fault(said: str) -> str:
    """Read from git's words why a signature does not count."""
    for mark, meaning in _FAULTS:
        if mark in said:
            return meaning
    kept = "\n".join(line for line in said.splitlines() if not line.startswith("[GNUPG:]"))
    return reason(kept) or "no key of the keyring made this signature"


def _settings(kind: Kind, path: Path) -> list[tuple[str, str]]:
    ssh = kind == "ssh"
    openpgp = _NOBODY if ssh else "gpg"
    return [
        ("gpg.program", openpgp),
        ("gpg.openpgp.program", openpgp),
        ("gpg.x509.program", _NOBODY),
        ("gpg.ssh.program", "ssh-keygen" if ssh else _NOBODY),
        ("gpg.ssh.allowedSignersFile", str(path) if ssh else "/dev/null"),
        # An imported key has no trust of its own: that it is in the keyring is what counts.
        ("gpg.minTrustLevel", "fully" if ssh else "undefined"),
    ]


async def _import(path: Path, home: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("gpg", "--batch", "--no-tty", "--quiet", "--no-autostart"),
        *("--homedir", str(home), "--import", "--", str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(30):
            _, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise GitError("gpg did not read the keyring within 30 s") from None
    if process.returncode != 0:
        raise UntrustedError(f"the keyring cannot be read: {reason(err.decode(errors='replace'))}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UntrustedError(f"the keyring cannot be read: {error.strerror}") from None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
