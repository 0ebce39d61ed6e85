"""How tokens are counted: an estimate that always says the same, and no provider's tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Up to eight characters of a word with the white space before it: near the four characters a
# token of English has with real tokenizers, and the pieces join to exactly the text.
_PIECE = re.compile(r"\s?\S{1,8}|\s")

_LONGEST = 9


def pieces(text: str) -> tuple[str, ...]:
    """Cut a text into its output tokens; joined they are the text again."""
    return tuple(_PIECE.findall(text))


def count_output(parts: Sequence[str]) -> int:
    """How many tokens these pieces bill; one that `pieces` did not cut counts by its length."""
    if len(parts) == 1 and len(parts[0]) > _LONGEST:
        return len(parts[0]) // 4
    return len(parts)


def count_prompt(text: str) -> int:
    """How many tokens a text costs in a prompt: a quarter of its UTF-8 bytes, rounded up.

    Counted by length and not by pieces, so that a prompt of megabytes costs no time.
    """
    return (len(text.encode("utf-8", "replace")) + 3) // 4
