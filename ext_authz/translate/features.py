"""What a request asks for beyond text, held against what the provider's API has words for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ext_authz.translate.conversation import Ask, Media, ToolResult
from ext_authz.translate.errors import UnsupportedError
from xds.edge.pairs import OFFERS, Feature, Provider

_SAID: Final = {
    Feature.IMAGES: "reads no images",
    Feature.IMAGE_URLS: "fetches no images from the web; send the data itself",
    Feature.DOCUMENTS: "reads no documents",
    Feature.CHOICES: "gives one answer at a time",
    Feature.LOGPROBS: "tells no log probabilities",
}


_SHOWING: Final = frozenset((Media, ToolResult))
"""Parts that are more than text, or may hold more."""


def check_features(ask: Ask, provider: Provider) -> None:
    """Raise `UnsupportedError` for the first thing that the provider cannot do."""
    offered = OFFERS[provider]
    for feature in _asked(ask):
        if feature not in offered:
            raise UnsupportedError(f"This model's provider ({provider}) {_SAID[feature]}")


def _asked(ask: Ask) -> Iterator[Feature]:
    if ask.sampling.choices > 1:
        yield Feature.CHOICES
    if ask.sampling.logprobs:
        yield Feature.LOGPROBS
    for turn in ask.turns:
        if _SHOWING.isdisjoint(map(type, turn.parts)):
            continue
        for part in turn.parts:
            if type(part) is Media:
                yield from _shown(part)
            elif type(part) is ToolResult:
                for inner in part.parts:
                    if type(inner) is Media:
                        yield from _shown(inner)


def _shown(media: Media) -> Iterator[Feature]:
    if media.kind == "image":
        yield Feature.IMAGE_URLS if media.url else Feature.IMAGES
    elif not media.text:
        yield Feature.DOCUMENTS
