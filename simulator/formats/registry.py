"""The wire formats that can be simulated: one line each."""

from __future__ import annotations

from simulator.formats.anthropic import ANTHROPIC
from simulator.formats.azure import AZURE
from simulator.formats.base import Format
from simulator.formats.bedrock import ANTHROPIC_BEDROCK, BEDROCK
from simulator.formats.cohere import COHERE
from simulator.formats.echo import ECHO
from simulator.formats.gemini import GEMINI
from simulator.formats.mistral import MISTRAL
from simulator.formats.openai import OPENAI
from simulator.formats.vertex import ANTHROPIC_VERTEX, GEMINI_VERTEX

FORMATS: tuple[Format, ...] = (
    OPENAI,
    AZURE,
    MISTRAL,
    COHERE,
    ANTHROPIC,
    ANTHROPIC_VERTEX,
    ANTHROPIC_BEDROCK,
    GEMINI,
    GEMINI_VERTEX,
    BEDROCK,
    ECHO,
)


def format_of(api: str) -> Format:
    """The wire format of an API's name; ValueError says which there are."""
    for known in FORMATS:
        if known.api == api:
            return known
    names = ", ".join(known.api for known in FORMATS)
    raise ValueError(f"no API {api!r} is simulated: {names}")
