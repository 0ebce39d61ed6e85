"""What a provider has no words for: refused where the answer would be another one, else dropped."""

from __future__ import annotations

from ext_authz.translate.conversation import PLAIN, Ask
from ext_authz.translate.errors import UnsupportedError


def only_one_choice(ask: Ask) -> None:
    """Refuse a request for several answers at once."""
    if ask.sampling.choices > 1:
        raise UnsupportedError("This provider gives one answer at a time; `n` must be 1", param="n")


def dropped(ask: Ask, *names: str) -> tuple[str, ...]:
    """Those of the named sampling members that the client set."""
    sampling = ask.sampling
    if sampling is PLAIN:
        return ()
    return tuple([name for name in names if getattr(sampling, name) is not None])
