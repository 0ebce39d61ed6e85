"""Runs the system's `git`, bounded in time and output, with an environment of its own.

Nothing of the repository is executed: no hook, no filter, no submodule, no pager, no prompt. What
the operator's own git knows (proxies, certificates, ssh keys, credential helpers) still counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.sources.git_object import printable

OLDEST: Final = (2, 34)
"""The oldest git whose `verify-commit` knows SSH signatures."""
MOST_OUTPUT: Final = 64 << 20
_STDERR: Final = 16 << 10
_PATIENCE: Final = 2.0
_LOOK: Final = 0.25

# What git, ssh and curl need of the operator's. All else stays out, the providers' keys above all.
_PASSED: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH"}
    | {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY"}
    | {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}
    | {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
)
_ALWAYS: Final = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
_CONFIG: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.symlinks", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("transfer.bundleURI", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # A connection that hangs is given up long before the clock of the whole command.
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "20"),
)


class GitError(Exception):
    """Git could not do it, or not in time; the message is one line without credentials."""


class NoGitError(GitError):
    """There is no git on this machine, or one that is too old."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command gave: stdout, and the end of stderr as text."""

    code: int
    out: bytes
    err: str

    def checked(self) -> bytes:
        """Give stdout; raise GitError with git's own words where it failed."""
        if self.code != 0:
            raise GitError(reason(self.err) or f"git exited with {self.code}")
        return self.out


@dataclass(frozen=True, slots=True)
class Git:
    """A git binary with the environment it is run in; ``protocols`` are all it may speak."""

    binary: str
    environ: Mapping[str, str]
    protocols: frozenset[str] = frozenset()

    async def run(
        self,
        *arguments: str,
        seconds: float,
        config: Iterable[tuple[str, str]] = (),
        extra: Mapping[str, str] | None = None,
        given: bytes = b"",
        limit: int = MOST_OUTPUT,
        watch: Callable[[], None] | None = None,
    ) -> Ended:
        """Run a command to its end, whatever its code; raise GitError where it is cut short.

        ``config`` and ``extra`` add settings and variables; ``given`` is its stdin. ``watch`` is
        called now and then, and stops the command by raising GitError.
        """
        environment = git_environment(self.environ, self.protocols, config) | dict(extra or {})
        process = await asyncio.create_subprocess_exec(
            self.binary,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            # No terminal to ask on, and a group to end with all of its helpers.
            start_new_session=True,
        )
        what = next((word for word in arguments if not word.startswith("-")), "")
        try:
            async with asyncio.timeout(seconds):
                return await _communicate(process, given, limit, watch, what)
        except TimeoutError:
            raise GitError(f"`git {what}` took longer than {seconds:g} s") from None
        finally:
            await _end(process)


def find_git(environ: Mapping[str, str]) -> str:
    """Find the binary on the PATH; raise NoGitError."""
    binary = shutil.which("git", path=environ.get("PATH", os.defpath))
    if binary is None:
        raise NoGitError("there is no `git` on this machine's PATH")
    return binary


async def check_version(git: Git) -> None:
    """Raise NoGitError where git is too old for what is asked of it."""
    answer = (await git.run("--version", seconds=10)).checked().decode(errors="replace")
    found = re.search(r"(\d+)\.(\d+)", answer)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(str(number) for number in OLDEST)
        raise NoGitError(f"this is {printable(answer, 60)}; git {oldest} or newer is needed")


def git_environment(
    environ: Mapping[str, str],
    protocols: frozenset[str],
    config: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """The whole environment of a git command; settings go into it, for `ps` shows arguments."""
    made = {name: value for name, value in environ.items() if name in _PASSED} | _ALWAYS
    made["GIT_ALLOW_PROTOCOL"] = ":".join(sorted(protocols))
    settings = (*_CONFIG, *config)
    for index, (key, value) in enumerate(settings):
        made[f"GIT_CONFIG_KEY_{index}"] = key
        made[f"GIT_CONFIG_VALUE_{index}"] = value
    made["GIT_CONFIG_COUNT"] = str(len(settings))
    return made


def reason(err: str, limit: int = 400) -> str:
    """What git and the other side said was wrong, on one line."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ERROR:"))]
    short = [line.removeprefix("fatal: ").removeprefix("error: ") for line in telling or lines]
    return printable("; ".join(line.rstrip(".") for line in short[-3:]), limit)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, with those above it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


async def _communicate(
    process: asyncio.subprocess.Process,
    given: bytes,
    limit: int,
    watch: Callable[[], None] | None,
    what: str,
) -> Ended:
    assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 - pipes all
    out = asyncio.create_task(_read(process.stdout, limit, what))
    err = asyncio.create_task(_tail(process.stderr))
    feed = asyncio.create_task(_feed(process.stdin, given))
    guard = asyncio.create_task(_guard(watch))
    tasks = (out, err, feed, guard)
    try:
        left = {out, err, feed, guard}
        while left != {guard}:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        code = await process.wait()
        return Ended(code, bytes(out.result()), bytes(err.result()).decode(errors="replace"))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(stream: asyncio.StreamReader, limit: int, what: str) -> bytearray:
    out = bytearray()
    while data := await stream.read(1 << 16):
        out += data
        if len(out) > limit:
            raise GitError(f"`git {what}` gave more than {limit >> 20} MiB")
    return out


async def _tail(stream: asyncio.StreamReader) -> bytearray:
    end = bytearray()
    while data := await stream.read(1 << 14):
        end += data
        del end[:-_STDERR]
    return end


async def _feed(stream: asyncio.StreamWriter, given: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        stream.write(given)
        await stream.drain()
    stream.close()


async def _guard(watch: Callable[[], None] | None) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        if watch is not None:
            watch()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and what it started: politely first, for git removes its own locks then."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _PATIENCE)
    # The helpers too, which may have outlived it: the group is there as long as one of them is.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    # Its pipes: somebody may hold the other ends for ever.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way
