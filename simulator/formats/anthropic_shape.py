"""The shape of a Messages request: members, content blocks and tools, and nothing else.

Source: the API reference of `POST /v1/messages` and the types of the official SDK.
"""

from __future__ import annotations

from typing import Any, Final

from simulator.formats.base import Refused
from simulator.shape import (
    OBJECT,
    Anything,
    Departs,
    Each,
    Either,
    Fields,
    Flag,
    Kind,
    Number,
    Shape,
    Text,
    check,
)

_STRING: Final = Text()
_ID: Final = Text(pattern="[a-zA-Z0-9_-]+")
_NAME: Final = Text(pattern="[a-zA-Z0-9_-]{1,128}")
_CACHE: Final = Kind("type", {"ephemeral": Fields({"ttl": Text(("5m", "1h"))})})
_MARK: Final[dict[str, Shape]] = {"cache_control": _CACHE}
_URL: Final = Fields({"url": Text(pattern="https?://.+")}, ("url",))
_FILE: Final = Fields({"file_id": _STRING}, ("file_id",))
_IMAGE_SOURCE: Final = Kind(
    "type",
    {
        "base64": Fields(
            {
                "media_type": Text(("image/jpeg", "image/png", "image/gif", "image/webp")),
                "data": Text(least=1),
            },
            ("media_type", "data"),
        ),
        "url": _URL,
        "file": _FILE,
    },
)
_DOCUMENT_SOURCE: Final = Kind(
    "type",
    {
        "base64": Fields(
            {"media_type": Text(("application/pdf",)), "data": Text(least=1)},
            ("media_type", "data"),
        ),
        "text": Fields(
            {"media_type": Text(("text/plain",)), "data": _STRING}, ("media_type", "data")
        ),
        "content": Fields({"content": Anything()}, ("content",)),
        "url": _URL,
        "file": _FILE,
    },
)
_TEXT: Final = Fields(_MARK | {"text": Text(least=1), "citations": Anything()}, ("text",))
_IMAGE: Final = Fields(_MARK | {"source": _IMAGE_SOURCE}, ("source",))
_DOCUMENT: Final = Fields(
    _MARK | {"source": _DOCUMENT_SOURCE, "title": _STRING, "context": _STRING, "citations": OBJECT},
    ("source",),
)
_SEARCH: Final = Fields(
    _MARK | {"source": _STRING, "title": _STRING, "content": Each(OBJECT), "citations": OBJECT},
    ("source", "title", "content"),
)
_RESULT: Final = Kind(
    "type",
    {
        "text": _TEXT,
        "image": _IMAGE,
        "document": _DOCUMENT,
        "search_result": _SEARCH,
        "tool_reference": OBJECT,
    },
)
_USER: Final[dict[str, Shape]] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "search_result": _SEARCH,
    "container_upload": OBJECT,
    "tool_result": Fields(
        _MARK
        | {
            "tool_use_id": _ID,
            "content": Either((_STRING, Each(_RESULT))),
            "is_error": Flag(),
        },
        ("tool_use_id",),
    ),
}
_ASSISTANT: Final[dict[str, Shape]] = {
    "text": _TEXT,
    "tool_use": Fields(
        _MARK | {"id": _ID, "name": _NAME, "input": OBJECT, "caller": OBJECT},
        ("id", "name", "input"),
    ),
    "thinking": Fields(
        {"thinking": _STRING, "signature": Text(least=1)}, ("thinking", "signature")
    ),
    "redacted_thinking": Fields({"data": Text(least=1)}, ("data",)),
    **dict.fromkeys(
        (
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "compaction",
        ),
        OBJECT,
    ),
}


def _message(blocks: dict[str, Shape]) -> Fields:
    content = Either((_STRING, Each(Kind("type", blocks), least=1)))
    return Fields({"content": content}, ("content",))


_TOOL: Final = Fields(
    _MARK
    | {
        "type": Text(("custom",)),
        "name": _NAME,
        "description": _STRING,
        "input_schema": OBJECT,
        "strict": Flag(),
        "eager_input_streaming": Flag(),
        "defer_loading": Flag(),
        "allowed_callers": Each(_STRING),
        "input_examples": Each(OBJECT),
    },
    ("name", "input_schema"),
)
_PARALLEL: Final[dict[str, Shape]] = {"disable_parallel_tool_use": Flag()}
_COUNTED: Final[dict[str, Shape]] = {
    "model": _STRING,
    "messages": Each(
        Kind(
            "role",
            {
                "user": _message(_USER),
                "assistant": _message(_ASSISTANT),
                "system": _message({"text": _TEXT}),
            },
        )
    ),
    "system": Either((_STRING, Each(Kind("type", {"text": _TEXT})))),
    "tools": Each(OBJECT),
    "tool_choice": Kind(
        "type",
        {
            "auto": Fields(_PARALLEL),
            "any": Fields(_PARALLEL),
            "tool": Fields(_PARALLEL | {"name": _STRING}, ("name",)),
            "none": Fields(),
        },
    ),
    "thinking": OBJECT,
    "output_config": Fields(
        {
            "effort": Text(("low", "medium", "high", "xhigh", "max")),
            "format": Kind("type", {"json_schema": Fields({"schema": OBJECT}, ("schema",))}),
            "task_budget": OBJECT,
        }
    ),
    "cache_control": _CACHE,
    "context_management": OBJECT,
    "mcp_servers": Each(OBJECT),
    "speed": _STRING,
}
_MESSAGES: Final = Fields(
    _COUNTED
    | {
        "max_tokens": Number(0, 10_000_000, whole=True),
        "stream": Flag(),
        "stop_sequences": Each(_STRING),
        "temperature": Number(0, 1),
        "top_p": Number(0, 1),
        "top_k": Number(0, 1_000_000, whole=True),
        "metadata": Fields({"user_id": Text()}),
        "service_tier": Text(("auto", "standard_only")),
        "inference_geo": _STRING,
        "container": Anything(),
        "diagnostics": OBJECT,
        "user_profile_id": _STRING,
    }
)
_COUNT: Final = Fields(_COUNTED)


def check_shape(body: dict[str, Any], *, counting: bool) -> None:
    """Raise `Refused`, in the API's words, unless the body has the shape."""
    try:
        check(body, _COUNT if counting else _MESSAGES)
        for at, tool in enumerate(body.get("tools") or []):
            if tool.get("type") in (None, "custom"):
                check(tool, _TOOL, ("tools", at, "custom"))
    except Departs as departs:
        raise Refused(f"{departs.place('.', '')}: {_words(departs)}") from None


def _words(departs: Departs) -> str:
    match departs.problem:
        case "unknown":
            return "Extra inputs are not permitted"
        case "missing":
            return "Field required"
    return f"Input should be {departs.expected}"
