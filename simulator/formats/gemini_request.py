"""What Gemini checks before it answers, and what a request for content asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from simulator import tokens
from simulator.content import Ask, Tool
from simulator.formats.base import Call, Refused
from simulator.formats.gemini_shape import DATA
from simulator.message import encode_json

_FILES: Final = ("https://generativelanguage.googleapis.com/", "https://www.youtube.com/")
_OLD: Final = re.compile(r"gemini-(1|2\.0)|gemma")
_BUDGETED: Final = re.compile(r"gemini-2\.5")
_SIGNED: Final = re.compile(r"gemini-[3-9]")


def check_contents(body: Mapping[str, Any], model: str, *, vertex: bool) -> None:
    """Raise `Refused` for a conversation that the API would not answer."""
    contents = body.get("contents") or []
    if not contents:
        raise Refused("* GenerateContentRequest.contents: contents is not specified\n")
    called: list[str] = []
    before = ""
    for at, content in enumerate(contents):
        role, parts = content.get("role") or "user", content.get("parts") or []
        if role not in ("user", "model", "function"):
            raise Refused("Please use a valid role: user, model.")
        if not parts:
            raise Refused(
                f"* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
            )
        for number, part in enumerate(parts):
            _check_part(part, f"contents[{at}].parts[{number}]", vertex=vertex)
        called = _check_turn(role, parts, called, before)
        before = "response" if any("functionResponse" in part for part in parts) else role
    if called:
        raise Refused(
            "Please ensure that function call turn is followed by a function response turn."
        )
    if _SIGNED.search(model):
        _check_signatures(contents)
    for part in (body.get("systemInstruction") or {}).get("parts") or []:
        _check_part(part, "system_instruction.parts", vertex=vertex)


def _check_part(part: Mapping[str, Any], place: str, *, vertex: bool) -> None:
    held = [name for name in DATA if part.get(name) is not None]
    if len(held) != 1 or (held == ["text"] and not part["text"] and not _is_signed(part)):
        raise Refused(
            f"* GenerateContentRequest.{place}.data: required oneof field 'data' must have one "
            "initialized field"
        )
    if held == ["fileData"]:
        where = part["fileData"]["fileUri"]
        if vertex and not where.startswith(("gs://", "https://", "http://")):
            raise Refused(f"Invalid file URI: {where}")
        if vertex and not part["fileData"].get("mimeType"):
            raise Refused("Unable to submit request because the mimeType of fileData is missing.")
        if not vertex and where.startswith("http") and not where.startswith(_FILES):
            raise Refused(f"Cannot fetch content from the provided URL: {where}")


def _is_signed(part: Mapping[str, Any]) -> bool:
    return bool(part.get("thoughtSignature"))


def _check_turn(
    role: str, parts: list[dict[str, Any]], called: list[str], before: str
) -> list[str]:
    """Check calls against results; returns the names that are called in this turn."""
    calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
    results = [part["functionResponse"]["name"] for part in parts if "functionResponse" in part]
    if calls and role != "model":
        raise Refused("Please ensure that function calls are in a turn of the role model.")
    if calls and before not in ("user", "response", "function"):
        raise Refused(
            "Please ensure that function call turn comes immediately after a user turn or after a "
            "function response turn."
        )
    if results and role == "model":
        raise Refused("Please ensure that function responses are in a turn of the role user.")
    if len(results) != len(called):
        raise Refused(
            "Please ensure that the number of function response parts is equal to the number of "
            "function call parts of the function call turn."
        )
    if sorted(results) != sorted(called):
        raise Refused(
            "Please ensure that function response turn comes immediately after a function call "
            "turn, and that their names are equal."
        )
    return calls


def _check_signatures(contents: list[dict[str, Any]]) -> None:
    """In the current turn the first call of each step has to bring back its signature."""
    asked = [
        at
        for at, content in enumerate(contents)
        if content.get("role") != "model"
        and any("functionResponse" not in part for part in content["parts"])
        and not any("functionResponse" in part for part in content["parts"])
    ]
    for at in range(asked[-1] if asked else 0, len(contents)):
        calls = [part for part in contents[at]["parts"] if "functionCall" in part]
        if calls and not _is_signed(calls[0]):
            raise Refused(
                "Function call is missing a thought_signature in functionCall parts. This is "
                "required for tools to work correctly, and missing thought_signature may lead to "
                f"degraded model performance. Function call `{calls[0]['functionCall']['name']}`, "
                f"position {at + 1}."
            )


def ask_of(call: Call, model: str, body: Mapping[str, Any]) -> Ask:
    """What the request asks, in words that all APIs share; `Refused` for what does not fit."""
    config = body.get("generationConfig") or {}
    contents = body["contents"]
    tools = _tools(body)
    choice = _choice(body, tools)
    as_json = config.get("responseMimeType") == "application/json"
    schema = config.get("responseSchema") or config.get("responseJsonSchema")
    if schema is not None and config.get("responseMimeType") not in (
        "application/json",
        "text/x.enum",
    ):
        raise Refused(
            "Response schema is only supported with a response mime type: 'application/json'"
        )
    if tools and as_json and not _SIGNED.search(model):
        raise Refused(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )
    if choice == "auto" and any("functionResponse" in part for part in contents[-1]["parts"]):
        choice = "none"  # the results are in: a model would talk now
    users = (content for content in reversed(contents) if content.get("role") != "model")
    return Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=model,
        prompt="".join(part.get("text") or "" for part in next(users, {"parts": []})["parts"]),
        tools=tools,
        tool_choice=choice,
        max_tokens=config.get("maxOutputTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        schema=(lower_types(schema) if schema is not None else True) if as_json else None,
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        thinking=_thinking(config.get("thinkingConfig"), model),
    )


def _thinking(config: Mapping[str, Any] | None, model: str) -> int:
    if not config:
        return 0
    if _OLD.search(model):
        raise Refused("Thinking is not enabled for this model.")
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    if budget is not None and level is not None:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    if level is not None and _BUDGETED.search(model):
        raise Refused("Thinking level is not supported for this model.")
    if budget == 0 and config.get("includeThoughts"):
        raise Refused("Unable to include thoughts where thinking is off: thinking_budget is 0.")
    return 0 if budget == 0 else 12


def _tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    found: dict[str, Tool] = {}
    for tool in body.get("tools") or []:
        for one in tool.get("functionDeclarations") or []:
            if one["name"] in found:
                raise Refused(f"Duplicate function declaration found: {one['name']}")
            if one.get("parameters") is not None and one.get("parametersJsonSchema") is not None:
                raise Refused("parameters and parameters_json_schema are mutually exclusive.")
            schema = one.get("parametersJsonSchema") or lower_types(one.get("parameters"))
            found[one["name"]] = Tool(one["name"], schema)
    return tuple(found.values())


def _choice(body: Mapping[str, Any], tools: tuple[Tool, ...]) -> str:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode, names = config.get("mode") or "AUTO", config.get("allowedFunctionNames") or []
    if config and not tools:
        raise Refused("Function calling config is set without function_declarations.")
    if names and mode not in ("ANY", "VALIDATED"):
        raise Refused(
            "Allowed function names should only be set when the mode is ANY or VALIDATED."
        )
    if strays := [name for name in names if name not in [tool.name for tool in tools]]:
        raise Refused(f"Allowed function {strays[0]} is not among the function declarations.")
    if mode in ("AUTO", "VALIDATED", "NONE"):
        return "none" if mode == "NONE" else "auto"
    return f"={names[0]}" if names else "required"


def lower_types(schema: Any) -> Any:
    """An OpenAPI schema with the type names of JSON schema."""
    if isinstance(schema, list):
        return [lower_types(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else lower_types(value)
        for key, value in schema.items()
    }


def count_prompt(body: Mapping[str, Any]) -> int:
    """How many tokens the prompt has, tools and the system's instruction included."""
    contents = list(body.get("contents") or [])
    if body.get("systemInstruction"):
        contents.append(body["systemInstruction"])
    total = 0
    for content in contents:
        for part in content.get("parts") or []:
            told = part.get("text")
            total += tokens.count_prompt(encode_json(part).decode() if told is None else told)
    if body.get("tools"):
        total += tokens.count_prompt(encode_json(body["tools"]).decode())
    return max(1, total)
