"""An `Ask` as the input of OpenAI's Responses: what its counter of tokens reads."""

from __future__ import annotations

from typing import Any

from ext_authz.translate.conversation import (
    Ask,
    Media,
    Part,
    Reasoning,
    Redacted,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)


def input_of(ask: Ask) -> dict[str, Any]:
    """The members that hold the prompt."""
    items: list[dict[str, Any]] = []
    for turn in ask.turns:
        items += _items(turn)
    body: dict[str, Any] = {"input": items}
    if ask.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": {"type": "object", **tool.schema},
                "strict": bool(tool.strict),
            }
            for tool in ask.tools
        ]
    return body


def _items(turn: Turn) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for part in turn.parts:
        if type(part) is ToolCall:
            call = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
            items.append({"type": "function_call", **call})
        elif type(part) is ToolResult:
            output = [_content(inner, turn.role) for inner in part.parts]
            items.append(
                {"type": "function_call_output", "call_id": part.id, "output": output or ""}
            )
        elif not isinstance(part, (Reasoning, Redacted)):
            said.append(_content(part, turn.role))
    if said:
        items.insert(0, {"type": "message", "role": turn.role, "content": said})
    return items


def _content(part: Part, role: str) -> dict[str, Any]:
    if type(part) is Media:
        if part.text:
            return {"type": "input_text", "text": part.text}
        data = part.url or f"data:{part.type};base64,{part.data}"
        if part.kind == "image":
            return {"type": "input_image", "detail": part.detail or "auto", "image_url": data}
        if part.url:
            return {"type": "input_file", "file_url": data}
        name = part.name or "document.pdf"
        return {"type": "input_file", "filename": name, "file_data": data}
    told = part.text if type(part) is Text else ""
    return {"type": "output_text" if role == "assistant" else "input_text", "text": told}
