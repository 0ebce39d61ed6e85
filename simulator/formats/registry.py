"""The wire formats that can be simulated: one line each."""

from __future__ import annotations

from simulator.formats.anthropic import ANTHROPIC
from simulator.formats.azure import AZURE
from simulator.formats.base import Format
from simulator.formats.bedrock import BEDROCK
from simulator.formats.cohere import COHERE
from simulator.formats.echo import ECHO
from simulator.formats.mistral import MISTRAL
from simulator.formats.openai import OPENAI

FORMATS: tuple[Format, ...] = (OPENAI, AZURE, MISTRAL, COHERE, ANTHROPIC, BEDROCK, ECHO)


def format_of(api: str) -> Format:
    """The wire format of an API's name; ValueError says which there are."""
    for known in FORMATS:
        if known.api == api:
            return known
    names = ", ".join(known.api for known in FORMATS)
    raise ValueError(f"no API {api!r} is simulated: {names}")
