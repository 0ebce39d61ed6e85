r"""Read and write the Markdown of diagnostics tests: prose, a policy, what is said about it.

A file is a topic. Every ``##`` heading in it is a case: prose, the policy in fenced blocks, and a
``text`` block with exactly what `gatewright check` prints. A block's language says what it holds:

``yaml``     a file as it is; the word after the language is its name, ``gateway.yaml`` unless given
``escaped``  a file in which ``\t``, ``\xe9`` and ``\u202e`` stand for what cannot be seen
``python``   an expression that gives the file's text or bytes, for what is too large to print
``text``     what is said

Files above the first case belong to every case of the topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
NOTHING = "nothing to say\n"
"""What stands in the place of no diagnostics."""

_FENCE = re.compile(r"^(`{3,})([a-z]+)?[ ]*(\S*)[ ]*\n(.*?)^\1[ ]*\n", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the policy's files, and what is expected to be said about them."""

    topic: Path
    title: str
    files: dict[str, bytes]
    expected: str | None

    @property
    def name(self) -> str:
        """The name of the test: topic and title."""
        return f"{self.topic.stem}: {self.title}"


def topics() -> list[Path]:
    """Give all topics, by name."""
    return sorted(FOLDER.glob("*.md"))


def cases_of(topic: Path) -> Iterator[Case]:
    """Give the cases of a topic in the order of its text."""
    shared, *sections = _split(topic.read_text(encoding="utf-8"))
    common, _ = _blocks(shared)
    for section in sections:
        title = _HEADING.match(section)
        assert title is not None
        files, expected = _blocks(section)
        yield Case(topic, title[1], common | files, expected)


def rewrite(topic: Path, said: dict[str, str]) -> None:
    """Write what is said about each case, by title, into the topic's ``text`` blocks."""
    shared, *sections = _split(topic.read_text(encoding="utf-8"))
    written = [shared]
    for section in sections:
        title = _HEADING.match(section)
        assert title is not None
        block = f"```text\n{said[title[1]]}```\n"
        old = next((found for found in _FENCE.finditer(section) if found[2] == "text"), None)
        if old is None:
            written.append(f"{section.rstrip()}\n\n{block}\n")
        else:
            written.append(section[: old.start()] + block + section[old.end() :])
    topic.write_text("".join(written).rstrip() + "\n", encoding="utf-8")


def _split(text: str) -> list[str]:
    """Split at the headings that stand outside of blocks; the first part is above all of them."""
    blocks = [found.span() for found in _FENCE.finditer(text)]
    cuts = [
        found.start()
        for found in _HEADING.finditer(text)
        if not any(start <= found.start() < end for start, end in blocks)
    ]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _blocks(section: str) -> tuple[dict[str, bytes], str | None]:
    files: dict[str, bytes] = {}
    expected = None
    for _, language, name, body in _FENCE.findall(section):
        if language == "text":
            expected = body
        else:
            files[name or "gateway.yaml"] = _content(language, body)
    return files, expected


def _content(language: str, body: str) -> bytes:
    match language:
        case "yaml":
            return body.encode()
        case "escaped":
            return _unescaped(body)
        case "python":
            value = eval(body, {"__builtins__": {"range": range}})
            return value if isinstance(value, bytes) else value.encode()
    raise ValueError(f"a block of diagnostics tests cannot be {language!r}")


def _unescaped(body: str) -> bytes:
    r"""Give the bytes of a text with escapes; ``\xNN`` is a byte, ``\uNNNN`` a character."""

    def byte_or_character(found: re.Match[str]) -> str:
        if found[1] is not None:
            return bytes([int(found[1], 16)]).decode("utf-8", "surrogateescape")
        if found[2] is not None:
            return chr(int(found[2], 16))
        return {"t": "\t", "r": "\r"}[found[3]]

    text = re.sub(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|([tr]))", byte_or_character, body)
    return text.encode("utf-8", "surrogateescape")
