"""What Anthropic checks before it answers a Messages request, and what it counts in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator import tokens
from simulator.content import Tool
from simulator.formats.anthropic_shape import check_shape
from simulator.formats.base import Call, Refused, is_count, read_object, text_of
from simulator.message import encode_json

# Another API's members: a gateway that forgot to translate them shows here.
_FOREIGN = (
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "stream_options",
    "user",
)
_LEAST_THINKING = 1024
UNSIGNED = (
    "Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a "
    "final `assistant` message must start with a thinking block (preceeding the lastmost set of "
    "`tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`."
)
"""What Claude says to a turn that it should go on with and that lost its thoughts."""


def read(call: Call, *, counting: bool = False) -> dict[str, Any]:
    """The body, checked; `counting` is the token counter, which takes fewer members."""
    body = read_body(call)
    check(call, body, counting=counting)
    return body


def read_body(call: Call) -> dict[str, Any]:
    """The body as an object, nothing in it checked."""
    return read_object(call.request.body, "The request body is not valid JSON")


def check(call: Call, body: dict[str, Any], *, counting: bool = False) -> None:
    """Raise `Refused` for what the API would not answer."""
    for name in ("model", "messages", *(() if counting else ("max_tokens",))):
        if body.get(name) is None:
            raise Refused(f"{name}: Field required")
    model = body["model"]
    if not isinstance(model, str) or not model:
        raise Refused("model: Input should be a valid string")
    if call.provider.models and model not in call.provider.models:
        raise Refused(f"model: {model}", 404)
    for name in _FOREIGN:
        if name in body:
            raise Refused(f"{name}: Extra inputs are not permitted")
    if not counting and not is_count(body["max_tokens"]):
        raise Refused("max_tokens: Input should be a valid integer greater than or equal to 1")
    if not isinstance(body.get("stream") or False, bool):
        raise Refused("stream: Input should be a valid boolean")
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise Refused("stop_sequences: Input should be a valid list of strings")
    if any(not stop.strip() for stop in stops):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    _check_messages(body["messages"])
    check_shape(body, counting=counting)
    _check_samplers(body)


def _check_samplers(body: Mapping[str, Any]) -> None:
    """What may not stand beside thinking, and a prefill that ends in white space."""
    if read_thinking(body):
        if body.get("temperature") not in (None, 1):
            raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
        if body.get("top_k") is not None:
            raise Refused("`top_k` must be unset when thinking is enabled.")
        if body["thinking"]["type"] == "enabled":
            _check_thoughts(body["messages"])
    last = body["messages"][-1]
    if last["role"] == "assistant" and text_of(last["content"])[-1:].isspace():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")


def _check_thoughts(messages: list[dict[str, Any]]) -> None:
    """The turn to go on with, by results or by a prefill, begins with what was thought."""
    blocks = [_blocks(message, at) for at, message in enumerate(messages)]
    goes_on = [any(block["type"] == "tool_result" for block in one) for one in blocks]
    begins = beginning_of_turn([message["role"] for message in messages], goes_on)
    if begins is None:
        return
    first = next((block["type"] for block in blocks[begins]), "text")
    if first not in ("thinking", "redacted_thinking"):
        raise Refused(f"messages.{begins}.content.0.type: {UNSIGNED.format(first)}")


def beginning_of_turn(roles: Sequence[str], goes_on: Sequence[bool]) -> int | None:
    """Where the assistant's turn begins that is not over; None where somebody spoke since.

    ``goes_on`` tells which messages bring results of tools: these belong to the turn.
    """
    begins = None
    for at in reversed(range(len(roles))):
        if roles[at] == "assistant":
            begins = at
        elif not goes_on[at]:
            break
    return begins


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        raise Refused("messages: Input should be a valid list")
    if not messages:
        raise Refused("messages: at least one message is required")
    called: list[Any] = []
    before = None
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise Refused(f"messages.{at}: Input should be an object")
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise Refused(f"messages.{at}.role: Input should be 'user', 'assistant' or 'system'")
        if at == 0 and role == "assistant":
            raise Refused('messages: first message must use the "user" role')
        if role == before != "system":
            raise Refused(
                'messages: roles must alternate between "user" and "assistant", but found '
                f'multiple "{role}" roles in a row'
            )
        before = role
        blocks = _blocks(message, at)
        results = [block.get("tool_use_id") for block in blocks if block["type"] == "tool_result"]
        if left := [name for name in called if name not in results]:
            raise Refused(
                f"messages.{at}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(map(str, left))}. Each `tool_use` block must have "
                "a corresponding `tool_result` block in the next message."
            )
        if strays := [name for name in results if name not in called]:
            raise Refused(
                f"messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{strays[0]}. Each `tool_result` block must have a corresponding `tool_use` "
                "block in the previous message."
            )
        called = [block.get("id") for block in blocks if block["type"] == "tool_use"]
    if called:
        raise Refused(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` "
            f"blocks immediately after: {', '.join(map(str, called))}."
        )


def _blocks(message: Mapping[str, Any], at: int) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise Refused(f"messages.{at}.content: Field required")
    for number, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise Refused(f"messages.{at}.content.{number}: Input should be an object with a type")
        if block["type"] == "text" and not block.get("text"):
            raise Refused("messages: text content blocks must be non-empty")
    return content


def read_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The client tools of a request; the provider's own (web search...) are not simulated."""
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise Refused("tools: Input should be a valid list")
    found = []
    for at, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise Refused(f"tools.{at}: Input should be an object")
        name, schema = tool.get("name"), tool.get("input_schema")
        if not isinstance(name, str) or not name:
            raise Refused(f"tools.{at}.name: Field required")
        if tool.get("type") in (None, "custom"):
            if not isinstance(schema, dict) or schema.get("type") != "object":
                raise Refused(f"tools.{at}.custom.input_schema.type: Field required")
            found.append(Tool(name, schema))
    return tuple(found)


def read_tool_choice(body: Mapping[str, Any], tools: tuple[Tool, ...]) -> tuple[str, bool]:
    """The choice (`auto`, `none`, `required`, `=name`) and whether calls may be parallel."""
    choice = body.get("tool_choice")
    if choice is None:
        return "auto", True
    if not body.get("tools"):
        raise Refused("tool_choice: may only be specified while providing tools")
    parallel = isinstance(choice, dict) and choice.get("disable_parallel_tool_use") is not True
    match choice:
        case {"type": "auto" | "none" as kind}:
            return str(kind), parallel
        case {"type": "any"}:
            _forced_with_thinking(body)
            return "required", parallel
        case {"type": "tool", "name": str() as name}:
            _forced_with_thinking(body)
            if any(tool.name == name for tool in tools):
                return f"={name}", parallel
            raise Refused(f"Tool '{name}' not found in provided tools")
    raise Refused("tool_choice: Input should be 'auto', 'any', 'tool' or 'none'")


def _forced_with_thinking(body: Mapping[str, Any]) -> None:
    if read_thinking(body):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")


def read_thinking(body: Mapping[str, Any]) -> int:
    """How many words to think (0: not at all), after the API's own checks of the budget."""
    match body.get("thinking"):
        case None | {"type": "disabled" | "between_tools"}:
            return 0
        case {"type": "adaptive"}:
            return 12
        case {"type": "enabled", "budget_tokens": budget} if is_count(budget):
            if budget < _LEAST_THINKING:
                raise Refused(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
                )
            if is_count(body.get("max_tokens")) and budget >= body["max_tokens"]:
                raise Refused(
                    "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult "
                    "the documentation on extended thinking."
                )
            return 12
    raise Refused("thinking: Input tag does not match any of the expected tags")


def read_schema(body: Mapping[str, Any]) -> Any:
    """The JSON schema that the answer has to fit, or None for text."""
    config = body.get("output_config")
    match config.get("format") if isinstance(config, dict) else None:
        case {"type": "json_schema", "schema": dict() as schema}:
            return schema
        case None:
            return None
    raise Refused("output_config.format: Input should be a json_schema with a schema")


def count_prompt(body: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens of the whole prompt, and of the prefix that `cache_control` marks in it.

    The order is the API's: tools, system, messages; a mark covers all that stands before it.
    """
    total = marked = 0
    for part in _prompt_parts(body):
        total += _part_tokens(part)
        if isinstance(part, dict) and part.get("cache_control"):
            marked = total
    return max(1, total), marked


def _prompt_parts(body: Mapping[str, Any]) -> list[Any]:
    parts: list[Any] = list(body.get("tools") or [])
    system = body.get("system")
    parts += system if isinstance(system, list) else [system or ""]
    for message in body["messages"]:
        content = message["content"]
        parts += content if isinstance(content, list) else [content]
    return parts


def _part_tokens(part: Any) -> int:
    if isinstance(part, str):
        return tokens.count_prompt(part)
    if isinstance(part, dict) and part.get("type") == "text":
        return tokens.count_prompt(text_of([part]))
    return tokens.count_prompt(encode_json(part).decode())


def fit_context(call: Call, prompt_tokens: int) -> None:
    """Refuse a prompt that is longer than the provider's configured window."""
    window = call.provider.context_window
    if window is not None and prompt_tokens > window:
        raise Refused(f"prompt is too long: {prompt_tokens} tokens > {window} maximum")
