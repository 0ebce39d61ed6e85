"""Changes one value in the text of a policy, and not a byte of the rest.

The YAML parser tells where each value stands, and the text is cut there. So comments, order,
quotes, blank lines and styles stay as they are: a writer of whole files, even ruamel.yaml, changes
the spaces in `{ a: b }` and the width of lines, and drowns one key in the diff. What came out is
read again and compared with what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from yaml import CSafeLoader, YAMLError, compose
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Value = str | Mapping[str, "Value"]
"""A text, or a mapping of texts."""

_STEP: Final = 2
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?::[A-Za-z0-9_.+-]+)*")
_NO_TEXT: Final = re.compile(r"null|true|false|[0-9][0-9_.eE+]*|0[xob].*", re.IGNORECASE)


class CannotEditError(Exception):
    """The text is written in a way that cannot be changed safely; the message says why."""


def get(text: str, path: Sequence[str]) -> Any:
    """Give what stands at a path: a text, a list, a mapping, or None where nothing does."""
    data = _data(_compose(text))
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def put(text: str, path: Sequence[str], value: Value) -> str:
    """Give the text with a value at a path; raises CannotEditError.

    A mapping is put member by member into one that is there. Mappings that are missing on the way
    are made, at the end of what they are in and in its style.
    """
    before = _data(_compose(text))
    changed = _put(text, tuple(path), value)
    _expect(changed, _with(before, tuple(path), value))
    return changed


def lengthen(text: str, path: Sequence[str], member: str) -> str:
    """Give the text with a mapping of one member in the place of a text that stood for it.

    ``ci: 9f86...`` becomes ``ci: { sha256: 9f86... }``. A mapping stays as it is.
    """
    root = _compose(text)
    node = _find(root, path)
    if not isinstance(node, ScalarNode):
        return text
    written = text[node.start_mark.index : node.end_mark.index]
    if node.style in ("|", ">"):
        raise CannotEditError(f"`{'.'.join(path)}` is written in an unusual way")
    changed = _splice(
        text, node.start_mark.index, node.end_mark.index, f"{{ {member}: {written} }}"
    )
    _expect(changed, _with(_data(root), tuple(path), {member: node.value}))
    return changed


def _put(text: str, path: tuple[str, ...], value: Value) -> str:
    node = _compose(text)
    for depth, name in enumerate(path):
        if not isinstance(node, MappingNode):
            raise CannotEditError(f"`{'.'.join(path[:depth])}` is not a mapping")
        entry = _entry(node, name)
        if entry is None:
            return _insert(text, node, name, _nested(path[depth + 1 :], value))
        key, node = entry
        if _is_nothing(node) and (depth + 1 < len(path) or not isinstance(value, str)):
            return _insert_below(text, key, _nested(path[depth + 1 :], value))
    if isinstance(node, MappingNode) and not isinstance(value, str):
        for name, member in value.items():
            text = _put(text, (*path, name), member)
        return text
    if not isinstance(node, ScalarNode) or not isinstance(value, str) or node.style in ("|", ">"):
        raise CannotEditError(f"`{'.'.join(path)}` is written in an unusual way")
    quote = node.style or ""
    written = f"{quote}{value}{quote}" if quote and _PLAIN.fullmatch(value) else _scalar(value)
    return _splice(text, node.start_mark.index, node.end_mark.index, written)


def _insert(text: str, node: MappingNode, name: str, value: Value) -> str:
    """Put a new entry at the end of a mapping."""
    if node.flow_style:
        if not node.value:
            return _splice(text, node.start_mark.index, node.end_mark.index, _flow({name: value}))
        at = _end(node.value[-1], text)
        return _splice(text, at, at, f", {_scalar(name)}: {_flow(value)}")
    if not node.value:
        raise CannotEditError("an empty mapping is written in an unusual way")
    indent = node.value[0][0].start_mark.column
    return _insert_lines(text, _end(node.value[-1], text), _block(name, value, indent))


def _insert_below(text: str, key: Node, value: Value) -> str:
    """Put the first entries into a mapping of which there is only the key, ``keys:``."""
    if isinstance(value, str) or not value:
        raise CannotEditError("there is nothing to put")
    indent = key.start_mark.column + _STEP
    lines = [line for name, one in value.items() for line in _block(name, one, indent)]
    after = text[key.end_mark.index :]
    if re.match(r"[ \t]*:[ \t]*(#.*)?(\r?\n|$)", after) is None:
        raise CannotEditError("an empty value is written in an unusual way")
    return _insert_lines(text, key.end_mark.index, lines)


def _insert_lines(text: str, after: int, lines: list[str]) -> str:
    """Put lines behind the one in which something ends."""
    newline = "\r\n" if "\r\n" in text else "\n"
    end = text.find("\n", after)
    if end < 0:
        return text + "".join(newline + line for line in lines)
    return _splice(text, end + 1, end + 1, "".join(line + newline for line in lines))


def _block(name: str, value: Value, indent: int) -> list[str]:
    """Write an entry in block style; the mappings of texts in it in flow style, on one line."""
    start = f"{' ' * indent}{_scalar(name)}:"
    if isinstance(value, str) or all(isinstance(one, str) for one in value.values()):
        return [f"{start} {_flow(value)}"]
    return [start, *(line for n, one in value.items() for line in _block(n, one, indent + _STEP))]


def _flow(value: Value) -> str:
    if isinstance(value, str):
        return _scalar(value)
    members = ", ".join(f"{_scalar(name)}: {_flow(one)}" for name, one in value.items())
    return f"{{ {members} }}" if members else "{}"


def _scalar(value: str) -> str:
    if _PLAIN.fullmatch(value) and not _NO_TEXT.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable():
        raise CannotEditError("a text that cannot be printed")
    return f'"{escaped}"'


def _end(entry: tuple[Node, Node], text: str) -> int:
    """Find where an entry's own text ends; a block's end mark is where the next thing begins."""
    key, node = entry
    while isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style:
        last = node.value[-1]
        key, node = last if isinstance(last, tuple) else (key, last)
    if _is_nothing(node):
        return int(key.end_mark.index)
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        end: int = node.end_mark.index
        return len(text[:end].rstrip())
    return int(node.end_mark.index)


def _is_nothing(node: Node) -> bool:
    """Tell whether a value is not written at all."""
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _nested(path: tuple[str, ...], value: Value) -> Value:
    for name in reversed(path):
        value = {name: value}
    return value


def _splice(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _entry(node: MappingNode, name: str) -> tuple[Node, Node] | None:
    found = [entry for entry in node.value if entry[0].value == name]
    return found[0] if found else None


def _find(root: Node, path: Sequence[str]) -> Node | None:
    node: Node | None = root
    for name in path:
        entry = _entry(node, name) if isinstance(node, MappingNode) else None
        node = None if entry is None else entry[1]
    return node


@lru_cache(maxsize=4)
def _compose(text: str) -> Node:
    try:
        node = compose(text, Loader=CSafeLoader)
    except YAMLError:
        # Its text could quote the line, whatever stands there.
        raise CannotEditError("the file is not valid YAML") from None
    if not isinstance(node, Node):
        raise CannotEditError("the file is empty")
    return node


def _data(node: Node) -> Any:
    try:
        return _plain(node)
    except RecursionError:
        raise CannotEditError("the file refers to itself") from None


def _plain(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(one) for one in node.value]
    written = node.start_mark.index != node.end_mark.index
    return node.value if written else None


def _with(data: Any, path: tuple[str, ...], value: Value) -> Any:
    if path:
        inner = dict(data or {})
        inner[path[0]] = _with(inner.get(path[0]), path[1:], value)
        return inner
    if isinstance(value, str):
        return value
    inner = dict(data or {}) if isinstance(data, (dict, type(None))) else {}
    for name, one in value.items():
        inner[name] = _with(inner.get(name), (), one)
    return inner


def _expect(text: str, wanted: Any) -> None:
    """See that the text says what was meant, and that nothing else changed with it."""
    if _data(_compose(text)) != wanted:
        raise CannotEditError("the file is written in a way that a change in place would break")
