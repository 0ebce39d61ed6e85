"""Where in the APIs' bodies user data may stand: as data, a line a member.

Whatever is not named here is read: a member that an API adds tomorrow holds no value unread.
Sources: the schemas of OpenAI's Chat Completions, Completions, Embeddings and Responses, and of
Anthropic's Messages.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Region(Enum):
    """What the names of members mean.

    API: they are the API's. SCHEMA: they are JSON Schema's, or properties. DATA: they are the
    user's own, so all of them and all scalars are read.
    """

    API = "api"
    SCHEMA = "schema"
    DATA = "data"


STRUCTURAL: Final = frozenset(
    {
        # What the APIs read themselves, and refuse when it is not of their own words or ids.
        "model", "role", "type", "id", "object", "status", "phase", "finish_reason", "stop_reason",
        "tool_call_id", "tool_use_id", "call_id", "item_id", "response_id", "message_id",
        "previous_response_id", "file_id", "container", "image_file_id", "assistant_id",
        "vector_store_ids", "encoding_format", "service_tier", "media_type", "mime_type", "format",
        "detail", "truncation", "effort", "reasoning_effort", "verbosity", "ttl", "modalities",
        "prompt_cache_retention", "anthropic_version", "include", "syntax", "voice",
        # What its provider signed or encrypted: a changed letter makes it useless.
        "signature", "thought_signature", "encrypted_content", "encrypted_index",
    }
)  # fmt: skip
"""Members whose text is not read, in the API's region."""

NAMES: Final = frozenset({"name", "user", "safety_identifier", "prompt_cache_key", "user_id"})
"""Members that allow few characters: what is found there is replaced without `<` and `>`."""

BASE64: Final = frozenset({"data", "file_data", "url", "image_url", "b64_json", "partial_images"})
"""Members that may hold base64, or a `data:` URL, of a file that has no text to read."""

SCHEMA_WORDS: Final = frozenset({"type", "$ref", "$schema", "$id", "format", "contentEncoding"})
"""Members of a schema whose text is the schema's own."""

REGIONS: Final[dict[str, Region]] = {
    "arguments": Region.DATA,
    "metadata": Region.DATA,
    "parameters": Region.SCHEMA,
    "input_schema": Region.SCHEMA,
    "schema": Region.SCHEMA,
}
"""Members below which names are not the API's."""

KNOWN: Final = (
    STRUCTURAL
    | NAMES
    | BASE64
    | SCHEMA_WORDS
    | REGIONS.keys()
    | {
        "action", "additionalProperties", "allOf", "annotations", "anyOf", "arguments", "audio",
        "background", "best_of", "budget_tokens", "cache_control", "call", "choices", "citations",
        "cited_text", "completion", "const", "content", "context", "context_management",
        "conversation", "custom", "default", "definition", "delta", "description", "dimensions",
        "document", "document_title", "echo", "enabled", "enum", "error", "examples", "file",
        "filename", "frequency_penalty", "function", "function_call", "functions", "grammar",
        "image", "index", "input", "input_audio", "instructions", "is_error", "items",
        "json_schema", "logit_bias", "logprobs", "max_completion_tokens", "max_output_tokens",
        "max_tokens", "max_tool_calls", "mcp_servers", "message", "messages", "n", "oneOf",
        "output", "output_config", "output_text", "parallel_tool_calls", "pattern", "prediction",
        "presence_penalty", "prompt", "properties", "queries", "query", "reasoning",
        "reasoning_content", "redacted_thinking", "refusal", "required", "response_format",
        "result", "results", "seed", "server_label", "server_url", "snippet", "source", "stop",
        "stop_sequences", "store", "stream", "stream_options", "strict", "suffix", "summary",
        "system", "temperature", "text", "thinking", "thinking_blocks", "title", "tool_call",
        "tool_calls", "tool_choice", "tool_result", "tools", "top_k", "top_logprobs", "top_p",
        "transcript", "usage", "variables", "web_search_options",
    }
)  # fmt: skip
"""Names that the APIs use: they are shown in places, and are not read as if they were values."""


def region_below(region: Region, name: str, depth: int) -> Region:
    """Tell what stands below a member; `depth` is how many containers it stands in.

    `input` is a list of items at the top of a body, and what a tool is called with below.
    """
    if region is not Region.API:
        return region
    if name == "input":
        return Region.DATA if depth > 1 else region
    return REGIONS.get(name, region)
