"""Find the word that was probably meant, also among ten thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache

_FEW = 64  # so many words are compared one by one, which finds more


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that ``word`` is most likely a slip of, or None.

    Of few words, the most similar one. Of many, one that is a letter too many, too few, different
    or out of its place away: a policy with a thousand wrong references to a thousand names must not
    take a million comparisons.
    """
    words = tuple(known)
    if len(words) <= _FEW:
        close = get_close_matches(word, words, n=1, cutoff=0.6)
        return close[0] if close else None
    index = _index(words)
    for variant in (word, *_shortened(word)):
        if variant in index:
            return index[variant]
    return None


@lru_cache(maxsize=8)
def _index(words: tuple[str, ...]) -> dict[str, str]:
    """Give the words by themselves and by what remains of them without one letter."""
    index = {word: word for word in words}
    for word in words:
        for variant in _shortened(word):
            index.setdefault(variant, word)
    return index


def _shortened(word: str) -> Iterator[str]:
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
