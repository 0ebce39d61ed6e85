"""What a provider has no words for: refused where the answer would be another one, else dropped.

What is dropped is named as OpenAI's chat names it, in the log and to the client.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from ext_authz.translate.conversation import PLAIN, UNSAID, Ask
from ext_authz.translate.efforts import budget_of
from ext_authz.translate.errors import UnsupportedError

_OF_ASK: Final = {
    "parallel_tool_calls": lambda ask: ask.parallel is False and bool(ask.tools),
    "reasoning_effort": lambda ask: ask.thinking is not UNSAID and bool(budget_of(ask.thinking)),
    "service_tier": lambda ask: ask.tier not in ("", "auto"),
    "user": lambda ask: bool(ask.user),
    "verbosity": lambda ask: bool(ask.verbosity),
}
"""Whether a client asked for more than what happens anyway; all other names are of its sampling."""


def only_one_choice(ask: Ask) -> None:
    """Refuse a request for several answers at once."""
    if ask.sampling.choices > 1:
        raise UnsupportedError("This provider gives one answer at a time; `n` must be 1", param="n")


def dropped(ask: Ask, *names: str) -> tuple[str, ...]:
    """Those of the named members that the client set."""
    sampling = ask.sampling
    found = []
    for name in names:
        asked = _OF_ASK.get(name)
        if asked is not None:
            if asked(ask):
                found.append(name)
        elif sampling is not PLAIN and getattr(sampling, name) is not None:
            found.append(name)
    return tuple(found)


def unwritten(written: Container[str], **words: str) -> list[str]:
    """The members that were not written, by what the provider calls them."""
    return [name for name, word in words.items() if word not in written]
