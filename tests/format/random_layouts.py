"""One meaning written in many ways: styles, indentations, quotes, comments and blank lines by lot.

What is written so is valid YAML of the language, as untidy as people's files become.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any


class Writer:
    """Writes plain data as YAML, each choice by lot."""

    def __init__(self, chance: Random, *, comments: bool = True) -> None:
        self._chance = chance
        self._comments = comments
        self._count = 0

    def write(self, value: Any) -> str:
        """Give the text of a file."""
        lines = ["---"] if self._lot(0.1) else []
        lines += self._notes(0)
        lines += self._block(value, 0) if value else [self._flow(value, 0)]
        lines += self._notes(self._chance.choice([0, 0, 2, 4]))
        return "\n".join(lines) + ("\n" * self._chance.choice([0, 1, 1, 3]))

    def _lot(self, share: float) -> bool:
        return self._chance.random() < share

    def _note(self) -> str:
        self._count += 1
        words = ["why", "x: 1", "'quoted'", '"', "{ [", "é", "- a", "#"]
        return f"#{self._chance.choice([' ', '', '  '])}{self._chance.choice(words)} {self._count}"

    def _notes(self, indent: int) -> list[str]:
        """Lines of their own: comments, blank lines, and spaces that nobody sees."""
        lines = []
        while self._lot(0.25):
            if self._comments and self._lot(0.5):
                lines.append(
                    " " * max(0, indent + self._chance.choice([0, 0, 0, 2, -2])) + self._note()
                )
            else:
                lines.append(self._chance.choice(["", "", "   "]))
        return lines

    def _beside(self) -> str:
        if self._comments and self._lot(0.15):
            return " " * self._chance.choice([1, 2, 9]) + self._note()
        return self._chance.choice(["", "", "", "  "])

    def _block(self, value: Any, indent: int) -> list[str]:
        """Write a mapping or a list that is not empty as a block."""
        lines: list[str] = []
        step = self._chance.choice([1, 2, 2, 3, 4])
        pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value)
        for key, one in pairs:
            lines += self._notes(indent)
            start = " " * indent + ("-" if key is None else self._key(key))
            lines += self._entry(start, one, indent, step, is_item=key is None)
        return lines

    def _entry(self, start: str, value: Any, indent: int, step: int, *, is_item: bool) -> list[str]:
        gap = " " * self._chance.choice([1, 1, 1, 3])
        if isinstance(value, dict | list) and value and self._lot(0.6):
            if is_item and self._lot(0.7):
                inner = self._block(value, indent + 1 + len(gap))
                while not inner[0].strip() or inner[0].lstrip().startswith("#"):
                    inner.pop(0)
                return [start + gap + inner[0].lstrip(), *inner[1:]]
            if isinstance(value, list) and not is_item and self._lot(0.3):
                step = 0  # a list at the column of its key
            inner = self._notes(indent + step) + self._block(value, indent + max(step, 0))
            return [start + self._beside(), *inner]
        if isinstance(value, str) and self._is_blocky(value) and self._lot(0.5):
            body = [" " * (indent + 2) + line if line else "" for line in value.split("\n")]
            chomp = "" if value.endswith("\n") else "-"
            if value.endswith("\n"):
                body.pop()
            note = f" {self._note()}" if self._comments and self._lot(0.2) else ""
            return [f"{start}{gap}|{chomp}{note}", *body]
        return [start + gap + self._flow(value, indent + 1) + self._beside()]

    def _is_blocky(self, value: str) -> bool:
        return bool(value.strip()) and value[0] not in " \n" and not value.endswith("\n\n")

    def _key(self, key: str) -> str:
        return self._text(key) + self._chance.choice([":", ":", ":", " :"])

    def _flow(self, value: Any, indent: int) -> str:
        """Write a value in brackets, on one line or on several."""
        if isinstance(value, str):
            return self._text(value)
        if not isinstance(value, dict | list):
            return json.dumps(value)
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        parts = [
            f"{self._text(key)}: {self._flow(one, indent)}" for key, one in value.items()
        ] if isinstance(value, dict) else [self._flow(one, indent) for one in value]  # fmt: skip
        if not parts or self._lot(0.7):
            space = self._chance.choice(["", " "])
            return (
                opening
                + space
                + f",{self._chance.choice([' ', '  '])}".join(parts)
                + space
                + closing
            )
        pad = "\n" + " " * (indent + self._chance.choice([0, 2, 4]))
        text = opening
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            for note in self._notes(indent):
                text += f"\n{' ' * indent}{note.strip()}"
            comma = "" if last and self._lot(0.5) else ","
            text += f"{pad}{part}{comma}{self._beside()}"
        return text + pad + closing

    def _text(self, value: str) -> str:
        """Write a text plainly where it may be, else in quotes; the quotes by lot."""
        safe = value and all((one.isalnum() and one.isascii()) or one in "/_" for one in value)
        if safe and not value[0].isdigit() and value not in _WORDS and self._lot(0.7):
            return value
        if self._lot(0.4) and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        # YAML has no surrogates.
        escapes = self._lot(0.3) and all(one <= "\uffff" for one in value)
        return json.dumps(value, ensure_ascii=escapes)


_WORDS = {"true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL", "nan", "inf"}
