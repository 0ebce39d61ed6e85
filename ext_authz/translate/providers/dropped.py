"""What a provider has no words for: refused where the answer would be another one, else dropped.

What is dropped is named as OpenAI's chat names it, in the log and to the client.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from ext_authz.translate.conversation import PLAIN, UNSAID, Ask, Sampling
from ext_authz.translate.efforts import budget_of
from ext_authz.translate.errors import UnsupportedError

NEVER: Final = ""
"""In place of the provider's word for a member: there is none."""


def only_one_choice(ask: Ask) -> None:
    """Refuse a request for several answers at once."""
    if ask.sampling.choices > 1:
        raise UnsupportedError("This provider gives one answer at a time; `n` must be 1", param="n")


def dropped(
    ask: Ask, words: Mapping[str, str], written: Container[str], *, forced: str = ""
) -> tuple[str, ...]:
    """Those members that the client set and that were not `written`.

    `words` is what the provider calls what it may drop. `forced` is the member in the way of which
    a call cannot be forced.
    """
    gone = [name for name in _asked(ask) if name in words and words[name] not in written]
    if forced in written and ask.choice is not None and ask.choice.mode == "required":
        gone.append("tool_choice")
    return tuple(gone)


def _asked(ask: Ask) -> list[str]:
    """The members by which a client asks for more than what happens anyway."""
    found = [] if ask.sampling is PLAIN else _sampled(ask.sampling)
    if ask.verbosity:
        found.append("verbosity")
    if ask.thinking is not UNSAID and budget_of(ask.thinking):
        found.append("reasoning_effort")
    if ask.parallel is False and ask.tools:
        found.append("parallel_tool_calls")
    if ask.user:
        found.append("user")
    if ask.tier and ask.tier != "auto":
        found.append("service_tier")
    return found


def _sampled(sampling: Sampling) -> list[str]:
    found: list[str] = []
    if sampling.temperature is not None:
        found.append("temperature")
    if sampling.top_p is not None:
        found.append("top_p")
    if sampling.top_k is not None:
        found.append("top_k")
    if sampling.seed is not None:
        found.append("seed")
    if sampling.presence_penalty is not None:
        found.append("presence_penalty")
    if sampling.frequency_penalty is not None:
        found.append("frequency_penalty")
    if sampling.logit_bias is not None:
        found.append("logit_bias")
    return found
