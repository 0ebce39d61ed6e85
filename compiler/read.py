"""Read a policy from disk: the only place of the compiler that touches files.

Nothing raises here: what cannot be read becomes a problem that `load` reports with all others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.diagnostic import Diagnostic, Severity
from compiler.lines import Lines
from compiler.source import SourceFile, Span

MAX_FILE = 4 << 20
"""The size of a policy file above which it is refused unread: 4 MiB, some 50,000 routes."""
MAX_FILES = 10_000
"""How many files a policy may have: a folder that holds more was hardly meant."""
ENDPOINTS = "endpoints"
"""The folder whose files are lists of endpoints, named by services, and no policies."""
COMPILED = "compiled"
"""The folder for what a policy compiles to (`gatewright compile --out`), which is no policy."""
KEY_SET = "jwks.json"
"""How the names of files end that are key sets, named by issuers: `jwks.json`, `x.jwks.json`."""

TESTS = (".test.yaml", ".test.yml")
"""How the names of files end that hold tests of the policy, and no policy."""

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Sources:
    """All texts of a policy, in the order of their names.

    ``policies`` are merged into one gateway; ``endpoints`` are the files that services may name,
    ``key_sets`` those of issuers; ``broken`` could not be read as text, and are kept as far as
    they can be shown. Names are the root as it was given and the path below it, with ``/``
    between; ``root`` is empty or ends with ``/``.
    """

    policies: tuple[SourceFile, ...]
    endpoints: tuple[SourceFile, ...] = ()
    broken: tuple[SourceFile, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    root: str = ""
    key_sets: tuple[SourceFile, ...] = ()
    invariants: tuple[SourceFile, ...] = ()
    """Files of invariants that are kept elsewhere (`compiler.invariants_file`)."""

    def find(self, name: str) -> SourceFile | None:
        """Give the file of that name, if it was read."""
        for source in (
            *self.policies,
            *self.endpoints,
            *self.key_sets,
            *self.invariants,
            *self.broken,
        ):
            if source.name == name:
                return source
        return None


def sources_of(
    files: Mapping[str, bytes | str], root: str = "", problems: Iterable[Diagnostic] = ()
) -> Sources:
    """Make sources of contents by path below the root, e.g. ``{"gateway.yaml": "..."}``.

    ``problems`` are what went wrong while they were had.
    """
    return _sources(dict(files), list(problems), root)


def is_policy_file(name: str) -> bool:
    """Whether the file of that path below a policy's folder is read.

    Nothing hidden is, and nothing in a folder `compiled`.
    """
    parts = name.split("/")
    hidden = any(part.startswith(".") for part in parts)
    return _is_read(name) and not hidden and COMPILED not in parts[:-1]


def goes_with(name: str, file: str) -> bool:
    """Whether a file of that path is read with the one policy ``file`` of its folder.

    It is that file, an endpoints file of the folder, or a key set beside it.
    """
    if name == file:
        return True
    beside = is_key_set(name) and "/" not in name
    return is_policy_file(name) and (beside or name.startswith(f"{ENDPOINTS}/"))


def is_key_set(name: str) -> bool:
    """Whether a file is a key set by its name."""
    base = name.rpartition("/")[2]
    return base == KEY_SET or base.endswith(f".{KEY_SET}")


def _is_read(name: str) -> bool:
    return (name.endswith(_SUFFIXES) and not is_tests(name)) or is_key_set(name)


def is_tests(name: str) -> bool:
    """Whether a file holds tests by its name."""
    return name.endswith(TESTS)


def read(path: Path) -> Sources:
    """Read a policy file, or every ``*.yaml`` and ``*.yml`` of a folder and the folders in it.

    What begins with a dot is left out, and so are files of tests and folders ``compiled``. Files in
    a folder ``endpoints`` are no policies, and neither are key sets; for a single policy file,
    those beside it are read.
    """
    problems: list[Diagnostic] = []
    files: dict[str, bytes] = {}
    if path.is_dir():
        root = _root(path)
        found = _walk(path, problems)
    elif not os.path.lexists(path):
        message = f"there is no file or folder `{printable_name(str(path))}`"
        hint = "name a policy file, or a folder of them"
        return Sources((), problems=(_problem("no-such-file", message, None, hint=hint),))
    else:
        root = _root(path.parent)
        names = [path.name, *key_sets_beside(path)]
        if (path.parent / ENDPOINTS).is_dir() and path.parent.name != ENDPOINTS:
            below = _walk(path.parent / ENDPOINTS, problems)
            names += [f"{ENDPOINTS}/{name}" for name in below]
        found = iter(names)
        path = path.parent
    for count, name in enumerate(found):
        if count == MAX_FILES:
            message = (
                f"there are more than {MAX_FILES} policy files in `{printable_name(str(path))}`"
            )
            hint = "name the folder that holds nothing but the policy"
            problems.append(_problem("too-many-files", message, None, hint=hint))
            break
        content = _content(path / name, root + printable_name(name), problems)
        if content is not None:
            files[printable_name(name)] = content
    if not files and not problems:
        message = f"there are no policy files in `{printable_name(str(path))}`"
        hint = "policies are files that end with `.yaml` or `.yml`"
        problems.append(_problem("no-policy-files", message, None, hint=hint))
    return _sources(files, problems, root)


def read_tests(path: Path) -> Sources:
    """Read the files of tests that belong to a policy: all of a folder, or a file's own.

    A file's own begin with its name: those of ``gateway.yaml`` are ``gateway.test.yaml`` and
    ``gateway.limits.test.yaml``. A file of tests is its own. There may be none.
    """
    problems: list[Diagnostic] = []
    if path.is_dir():
        folder, names = path, list(_walk(path, problems, is_tests))
    elif is_tests(path.name):
        folder, names = path.parent, [path.name]
    else:
        folder = path.parent
        stem = path.name.removesuffix(path.suffix) + "."
        beside = (other.name for other in folder.iterdir())
        names = sorted(name for name in beside if name.startswith(stem) and is_tests(name))
    root = _root(folder)
    files: dict[str, bytes] = {}
    for name in names:
        content = _content(folder / name, root + printable_name(name), problems)
        if content is not None:
            files[printable_name(name)] = content
    return _sources(files, problems, root)


def read_alone(path: Path) -> tuple[SourceFile, Diagnostic | None]:
    """Read one file by itself, and say what is wrong with it; its name is the path as given."""
    problems: list[Diagnostic] = []
    name = printable_name(path.as_posix())
    content = _content(path, name, problems)
    if content is None:
        return SourceFile(name, ""), problems[0]
    return _decode(name, content)


def key_sets_beside(file: Path) -> list[str]:
    """Give the names of the key sets in the folder of a single policy file."""
    try:
        names = [other.name for other in file.parent.iterdir()]
    except OSError:
        return []  # then the file itself cannot be read either, which is told
    return sorted(name for name in names if is_key_set(name) and not name.startswith("."))


def _sources(files: Mapping[str, bytes | str], problems: list[Diagnostic], root: str) -> Sources:
    policies: list[SourceFile] = []
    endpoints: list[SourceFile] = []
    key_sets: list[SourceFile] = []
    broken: list[SourceFile] = []
    for name in sorted(files):
        source, problem = _decode(root + name, files[name])
        if problem is not None:
            problems.append(problem)
            broken.append(source)
        elif is_key_set(name):
            key_sets.append(source)
        elif ENDPOINTS in name.split("/")[:-1]:
            endpoints.append(source)
        else:
            policies.append(source)
    return Sources(
        tuple(policies), tuple(endpoints), tuple(broken), tuple(problems), root, tuple(key_sets)
    )


def _decode(name: str, content: bytes | str) -> tuple[SourceFile, Diagnostic | None]:
    """Make text of bytes: UTF-8, with or without a byte order mark, which is dropped."""
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="replace"))
    if size > MAX_FILE:
        return SourceFile(name, ""), too_large(name, size)
    if isinstance(content, str):
        return SourceFile(name, content.removeprefix("\ufeff")), None
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        message = "this file is written in UTF-16 or UTF-32, not in UTF-8"
        problem = _problem("not-utf-8", message, Span(name, 1, 1, 1, 1), hint=_SAVE)
        return SourceFile(name, ""), problem
    try:
        return SourceFile(name, content.decode("utf-8-sig")), None
    except UnicodeDecodeError as error:
        text = content.decode("utf-8-sig", "replace")
        bom = 3 if content.startswith(b"\xef\xbb\xbf") else 0
        index = len(content[bom : bom + error.start].decode("utf-8", "replace"))
        # The codec counts from behind a byte order mark.
        offset = bom + error.start
        message = f"byte {offset} of this file (0x{content[offset]:02x}) is not UTF-8"
        lines = Lines(SourceFile(name, text))
        problem = _problem(
            "not-utf-8", message, lines.span(index, index + 1), text="from here", hint=_SAVE
        )
        return lines.source, problem


_SAVE = "save the file as UTF-8"


def _walk(
    folder: Path, problems: list[Diagnostic], wanted: Callable[[str], bool] = _is_read
) -> Iterator[str]:
    """Give the paths of files below ``folder`` that are wanted, with ``/`` between.

    No link is followed.
    """

    def closed(error: OSError) -> None:
        shown = printable_name(str(error.filename))
        message = f"the folder `{shown}` cannot be read: {error.strerror}"
        problems.append(_problem("unreadable-file", message, None))

    for parent, folders, names in os.walk(folder, onerror=closed):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != COMPILED
        )
        for name in sorted(names):
            if wanted(name) and not name.startswith("."):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _content(path: Path, name: str, problems: list[Diagnostic]) -> bytes | None:
    """Read a file, but not more of it than is allowed, and nothing that may never end."""
    try:
        if not path.is_file():
            reason = "it is no file" if path.exists() else "the link leads nowhere"
            problems.append(unreadable(name, reason))
            return None
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        problems.append(unreadable(name, error.strerror or str(error)))
        return None
    if len(content) > MAX_FILE:
        problems.append(too_large(name, max(size, len(content))))
        return None
    return content


def unreadable(name: str, reason: str) -> Diagnostic:
    """A file that could not be read, and why."""
    return _problem("unreadable-file", f"`{name}` cannot be read: {reason}", Span(name, 1, 1, 1, 1))


def too_large(name: str, size: int) -> Diagnostic:
    """A file of more than MAX_FILE bytes."""
    message = f"this file has {size / (1 << 20):.1f} MiB; a policy file has at most 4 MiB"
    hint = "split it into several files of one folder: sections of the same name are merged"
    return _problem("file-too-large", message, Span(name, 1, 1, 1, 1), hint=hint)


def _problem(
    code: str, message: str, span: Span | None, *, text: str = "", hint: str | None = None
) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, span, text, (), hint)


def _root(folder: Path) -> str:
    shown = printable_name(folder.as_posix())
    return "" if shown == "." else shown.removesuffix("/") + "/"


def printable_name(name: str) -> str:
    """Give a file's name as text that can be printed; names on disk are any bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
