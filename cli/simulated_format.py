"""Which of the simulator's wire formats answers for a provider of a policy."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from cli import exits
from xds.edge.pairs import Api, Provider

_NAMES: Final = {Api.CONVERSE: "bedrock"}


def simulated_format(speech: Provider, known: Container[str]) -> str:
    """Choose the format of the place or dialect itself, else that of its API.

    Raises:
        CannotRunError: nothing that is simulated is like it.
    """
    for name in (speech.value, _NAMES.get(speech.api, speech.api.value)):
        if name in known:
            return name
    raise exits.CannotRunError(
        f"`{speech.value}` is not simulated",
        hint="leave its providers out, or run without --simulate",
    )
