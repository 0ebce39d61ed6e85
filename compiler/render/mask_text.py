"""Keep secrets out of a whole file: a value may go on over lines that do not look like one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compiler.compose import compose
from compiler.diagnostic import Reporter
from compiler.lines import Lines
from compiler.node import Mapping, Node, Scalar, Sequence
from compiler.render.mask import is_secret_key, mask_line
from compiler.source import SourceFile

_SHOWN = re.compile(r"\S")


def mask_text(source: SourceFile) -> list[str]:
    """Give the lines of a file as they may be shown, with their ends; it must be right YAML."""
    text = source.text
    node = compose(Lines(source), Reporter())
    for start, end in set(_secrets(node)) if node is not None else ():
        text = text[:start] + _SHOWN.sub("*", text[start:end]) + text[end:]
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    return [mask_line(line.removesuffix("\n")) + "\n" * line.endswith("\n") for line in lines]


def _secrets(node: Node) -> Iterator[tuple[int, int]]:
    """Give where the values of secret keys stand that go over several lines, or on another one."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _secrets(item)
    if isinstance(node, Mapping):
        for name, (key, value) in node.entries.items():
            if not isinstance(value, Scalar):
                yield from _secrets(value)
            elif is_secret_key(name) and "\n" in value.lines.source.text[key.end : value.end]:
                yield value.start, value.end
