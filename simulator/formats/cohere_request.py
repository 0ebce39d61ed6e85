"""What Cohere checks before it answers: members, roles, and results that answer a call.

Source: the API reference of `POST /v2/chat` and `POST /v2/embed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.content import Tool
from simulator.formats.base import Call, Refused, is_count, is_number, read_object

_MEMBERS = frozenset(
    {
        "citation_options",
        "documents",
        "frequency_penalty",
        "k",
        "logprobs",
        "max_tokens",
        "messages",
        "model",
        "p",
        "presence_penalty",
        "priority",
        "response_format",
        "safety_mode",
        "seed",
        "stop_sequences",
        "stream",
        "strict_tools",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
    }
)
_EMBEDDING = frozenset(
    {
        "embedding_types",
        "images",
        "input_type",
        "inputs",
        "max_tokens",
        "model",
        "output_dimension",
        "priority",
        "texts",
        "truncate",
    }
)
_PURPOSES = ("search_document", "search_query", "classification", "clustering", "image")
_RANGES = {
    "temperature": (0, 5),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "frequency_penalty": (0, 1),
    "presence_penalty": (0, 1),
}
_PARTS = {
    "system": ("text",),
    "user": ("text", "image_url"),
    "assistant": ("text", "thinking"),
    "tool": ("text", "document"),
}
_MOST_TEXTS = 96
_MOST_STOPS = 5
_USUAL_THINKING = 24


def read_body(call: Call, members: frozenset[str] = _MEMBERS) -> dict[str, Any]:
    """The body as an object that names a model this provider has, or `Refused`."""
    body = read_object(call.request.body, "invalid request: the body is not valid JSON")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused("invalid request: model is required")
    if call.provider.models and model not in call.provider.models:
        raise Refused(
            f"model '{model}' not found, make sure the correct model ID was used and that you "
            "have access to the model.",
            404,
        )
    for name in body:
        if name not in members:
            raise Refused(f"unknown field: parameter '{name}' is not a valid field", 422)
    return body


def check_chat(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Check a chat request; give its messages."""
    for name, (least, most) in _RANGES.items():
        value = body.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            raise Refused(f"invalid request: {name} must be between {least} and {most} inclusive.")
    if body.get("max_tokens") is not None and not is_count(body["max_tokens"]):
        raise Refused("invalid request: max_tokens must be greater than or equal to 1.")
    if not isinstance(body.get("stream") or False, bool):
        raise Refused("invalid type: parameter stream is of type string but should be of type bool")
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise Refused("invalid type: parameter stop_sequences should be an array of strings")
    if len(stops) > _MOST_STOPS:
        raise Refused(f"invalid request: at most {_MOST_STOPS} stop sequences are allowed.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused("invalid request: list of messages must not be empty")
    called: list[Any] = []
    for at, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _PARTS:
            raise Refused(f"invalid role provided in message at index {at}: {role}")
        _check_content(message, role, at)
        if role == "tool":
            if message.get("tool_call_id") not in called:
                raise Refused(
                    f"invalid request: tool call id not found in previous tool calls at index {at}"
                )
            called.remove(message["tool_call_id"])
        elif called:
            raise Refused(f"invalid request: missing tool call result at index {at}")
        if role == "assistant":
            called = [call.get("id") for call in message.get("tool_calls") or ()]
    if called:
        raise Refused("invalid request: missing tool call result")
    return messages


def _check_content(message: Mapping[str, Any], role: str, at: int) -> None:
    content = message.get("content")
    if content is None or content in ("", []):
        if role == "assistant" and message.get("tool_calls"):
            return
        raise Refused(f"invalid request: message at index {at} must have non-empty content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise Refused(f"invalid request: content of message at index {at} has a wrong type")
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _PARTS[role]:
            raise Refused(f"invalid request: content type {kind} is not supported for {role}")


def read_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The functions of a request."""
    found = []
    for tool in body.get("tools") or ():
        function = tool.get("function") if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            raise Refused("invalid request: tools must have a function with a name")
        if tool.get("type") != "function":
            raise Refused("invalid request: the type of a tool must be function")
        found.append(Tool(name, function.get("parameters")))
    return tuple(found)


def read_choice(body: Mapping[str, Any], tools: tuple[Tool, ...]) -> str:
    """`auto`, `none` or `required`: there is no word for one tool."""
    choice = body.get("tool_choice")
    if choice is None:
        return "auto"
    if choice not in ("REQUIRED", "NONE"):
        raise Refused(f"invalid request: tool_choice {choice} must be one of REQUIRED, NONE")
    if not tools:
        raise Refused("invalid request: tool_choice can only be specified with tools")
    return str(choice).lower()


def read_schema(body: Mapping[str, Any]) -> Any:
    """True for any JSON, a schema for structured answers, None for text."""
    match body.get("response_format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object", "json_schema": dict() as schema}:
            return schema
        case {"type": "json_object", **rest} if "json_schema" not in rest:
            return True
    raise Refused("invalid request: response_format must be of type text or json_object")


def read_thinking(body: Mapping[str, Any]) -> int:
    """How many words to think (0: not at all)."""
    match body.get("thinking"):
        case None | {"type": "disabled"}:
            return 0
        case {"type": "enabled"}:
            return _USUAL_THINKING
    raise Refused("invalid request: thinking.type must be enabled or disabled")


def check_embedding(call: Call) -> tuple[dict[str, Any], list[str]]:
    """Check a request for embeddings; give it and its texts."""
    body = read_body(call, _EMBEDDING)
    if body.get("input_type") not in _PURPOSES:
        raise Refused("invalid request: valid input_type must be provided with the provided model")
    texts = body.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refused("invalid request: at least one of texts, images or inputs must be provided")
    if not 1 <= len(texts) <= _MOST_TEXTS:
        raise Refused(f"invalid request: total number of texts must be at most {_MOST_TEXTS}")
    return body, texts


def fit_context(call: Call, prompt_tokens: int) -> None:
    """Refuse a prompt that is longer than the provider's configured window."""
    window = call.provider.context_window
    if window is not None and prompt_tokens > window:
        raise Refused(
            "too many tokens: total number of tokens in the prompt cannot exceed "
            f"{window} - received {prompt_tokens}. Try using a shorter prompt."
        )
