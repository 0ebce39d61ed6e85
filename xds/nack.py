"""A refusal: which Envoy would not take which resources, and why, in words that do not vary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xds.order import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET


@dataclass(frozen=True, slots=True)
class Nack:
    """One NACK.

    ``node`` is the id of the client, ``version`` that of the response. ``resources`` holds, by
    name, the versions of the resources that are to blame as far as the text tells; ``error`` is
    that text, normalised.
    """

    node: str
    type_url: str
    version: str
    resources: Mapping[str, str]
    error: str

    @property
    def names(self) -> tuple[str, ...]:
        """The resources to blame."""
        return tuple(self.resources)

    def __str__(self) -> str:
        what = KINDS.get(self.type_url, self.type_url.rpartition(".")[2])
        return f"{self.node} refused {what} {', '.join(self.names)}: {self.error}"


KINDS: Mapping[str, str] = {
    CLUSTER: "cluster",
    ENDPOINT: "endpoints",
    LISTENER: "listener",
    ROUTE: "route configuration",
    SECRET: "secret",
}
"""What people call a type."""


# Envoy writes the request's debug text before the message proper where gRPC carries it; the peer's
# address and the times in there differ with every stream.
_PREFIX = re.compile(r"^\s*(?:\[[^\]]*\]\s*|(?:INVALID_ARGUMENT|INTERNAL|UNKNOWN):\s*)+")
_SPACE = re.compile(r"\s+")
_LIMIT = 2_000


def normalise(error: str) -> str:
    """Cut what varies from an error's text, so that equal faults read alike; 2,000 characters."""
    text = _SPACE.sub(" ", _PREFIX.sub("", error)).strip()
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"


def blamed(error: str, sent: Mapping[str, str], good: Mapping[str, str]) -> dict[str, str]:
    """Guess which of the resources sent (versions by name) an error is about.

    Those the text names; otherwise those that are not known to be good; never one that is good,
    unless the text names it. The longest names are looked for first and taken out of the text, so
    that ``api`` is not found in ``api-next``.
    """
    text = error
    named: list[str] = []
    for name in sorted(sent, key=lambda name: (-len(name), name)):
        pattern = rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])"
        rest = re.sub(pattern, "\0", text)
        if rest != text:
            named.append(name)
            text = rest
    if not named:
        named = [name for name in sent if good.get(name) != sent[name]]
    return {name: sent[name] for name in sorted(named)}
