"""Word lists: code names, customers, whatever must not be said outside.

The words become one automaton, so that ten thousand of them cost what one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import re2  # type: ignore[import-untyped] # it has no types

from ext_authz.redact.detector import Detector, Extent
from ext_authz.redact.detectors.patterns import check_name
from ext_authz.redact.errors import DetectorError

MOST_WORDS: Final = 50_000
LONGEST_WORD: Final = 256
_MARK: Final = r"[^\pL\pN_]"


def word_detector(name: str, words: Iterable[str], *, whole: bool = True) -> Detector:
    """Make a detector of words or phrases, in upper and lower case alike.

    With `whole` a word inside of a longer one is not found. Raises `DetectorError`.
    """
    check_name(name)
    unique = {word.strip() for word in words} - {""}
    if not unique:
        raise DetectorError(f"{name}: the list has no words")
    if len(unique) > MOST_WORDS:
        raise DetectorError(f"{name}: more than {MOST_WORDS} words")
    longest = max(len(word) for word in unique)
    if longest > LONGEST_WORD:
        raise DetectorError(f"{name}: a word has more than {LONGEST_WORD} characters")
    # The longest first: of two words that begin alike, the automaton takes the one that it meets.
    ordered = sorted(unique, key=lambda word: (-len(word), word))
    choices = "|".join(re2.escape(word) for word in ordered)
    # The marks around are part of the pattern: a check would come too late for the shorter of two
    # words that begin alike. In the gate, which sees whole bodies, a text's end is a quote.
    return Detector(
        name,
        (rf"(?i)(?:\A|{_MARK})(?P<v>{choices})(?:\z|{_MARK})" if whole else f"(?i)(?:{choices})",),
        extent=Extent.FREE,
        # Two more, so that the characters around a word are known.
        reach=longest + 2,
    )
