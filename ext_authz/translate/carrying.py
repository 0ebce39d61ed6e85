"""Which of a provider's headers reach the client, and in whose words."""

from __future__ import annotations

from collections.abc import Mapping

from ext_authz.translate.limits import for_anthropic, for_openai, foreign
from ext_authz.translate.upstream import Headers
from xds.edge.pairs import Api, ClientApi, Provider

_REQUEST_IDS = ("request-id", "x-request-id", "x-amzn-requestid", "apim-request-id")
_ANTHROPIC, _OPENAI = Api.ANTHROPIC, Api.OPENAI
_ANTHROPIC_CLIENTS = frozenset((ClientApi.MESSAGES, ClientApi.COUNT_TOKENS))


class Carrying:
    """From a provider's headers: those to set for the client, and those to take away."""

    def __init__(self, client: ClientApi, provider: Provider, now: float) -> None:
        self._anthropic = client in _ANTHROPIC_CLIENTS
        self._same = provider.api is (_ANTHROPIC if self._anthropic else _OPENAI)
        self._now = now

    def __call__(self, headers: Mapping[str, str]) -> tuple[Headers, tuple[str, ...]]:
        """Give them."""
        if self._same:
            return (), ()
        told: Headers = ()
        if without := foreign(tuple(headers)):
            limits = for_anthropic if self._anthropic else for_openai
            told = limits(headers, self._now)
        ours = "request-id" if self._anthropic else "x-request-id"
        if ours not in headers:
            for name in _REQUEST_IDS:
                if name in headers:
                    return (*told, (ours, headers[name])), without
        return told, without


def carry_for(client: ClientApi, provider: Provider, now: float) -> Carrying:
    """What carries headers from a provider to a client of an API."""
    return Carrying(client, provider, now)
