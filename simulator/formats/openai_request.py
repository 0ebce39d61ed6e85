"""What OpenAI checks before it answers, and the members that its generating endpoints share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.content import Tool
from simulator.formats.base import Call, Refused, is_count, is_number, read_object
from simulator.message import Usage

CREATED = 1_735_689_600
"""When everything was created (2025-01-01): answers do not depend on the clock."""

SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))
"""The headers of a stream."""

EFFORT = {"none": 0, "minimal": 8, "low": 16, "medium": 64, "high": 128, "xhigh": 256}
"""How many words are thought for each effort; those that are no key are the usual 32."""

_UNPARSED = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
    "your HTTP library correctly. The OpenAI API expects a JSON payload.)"
)
# What another API calls by these names, this one refuses: a gateway that forgot to translate shows.
_FOREIGN = ("system", "stop_sequences", "thinking", "output_config", "anthropic_version")
_RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_CACHED_FROM = 1024
_CACHED_STEP = 128


@dataclass(frozen=True, slots=True)
class Generation:
    """The members of a request that say how to generate: checked, with the API's defaults."""

    model: str
    stream: bool
    include_usage: bool
    n: int
    max_tokens: int | None
    stop: tuple[str, ...]


def read(call: Call) -> dict[str, Any]:
    """The body as an object that names a model this provider has, or `Refused`."""
    body = read_object(call.request.body, _UNPARSED)
    model = body.get("model")
    if model is None or model == "":
        raise Refused("you must provide a model parameter")
    if not isinstance(model, str):
        raise wrong_type("model", "a string", model)
    if call.provider.models and model not in call.provider.models:
        raise Refused(
            f"The model `{model}` does not exist or you do not have access to it.",
            404,
            "model_not_found",
        )
    for name in _FOREIGN:
        if name in body:
            raise Refused(f"Unrecognized request argument supplied: {name}")
    return body


def generation(body: Mapping[str, Any]) -> Generation:
    """Check the members that chat and text completions share."""
    for name, (least, most) in _RANGES.items():
        value = body.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            raise Refused(
                f"Invalid '{name}': expected a number between {least} and {most}.",
                code="invalid_value",
                param=name,
            )
    limits = [_count(body, name) for name in ("max_completion_tokens", "max_tokens")]
    stream = body.get("stream") or False
    if not isinstance(stream, bool):
        raise wrong_type("stream", "a boolean", stream)
    options = body.get("stream_options")
    if options is not None and not stream:
        raise Refused(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if options is not None and not isinstance(options, dict):
        raise wrong_type("stream_options", "an object", options)
    n = _count(body, "n", 128) or 1
    asked = (options or {}).get("include_usage") is True
    maximum = limits[0] if limits[0] is not None else limits[1]
    return Generation(body["model"], stream, asked, n, maximum, _stop(body.get("stop")))


def _count(body: Mapping[str, Any], name: str, most: int = 10_000_000) -> int | None:
    value = body.get(name)
    if value is not None and not is_count(value, 1, most):
        raise Refused(
            f"Invalid '{name}': expected an integer from 1 to {most}.",
            code="integer_out_of_range",
            param=name,
        )
    return value


def _stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise wrong_type("stop", "a string or an array of strings", value)
    if len(stops) > 4:
        raise Refused(
            "Invalid 'stop': array too long. Expected an array with maximum length 4.",
            code="array_above_max_length",
            param="stop",
        )
    return tuple(stops)


def allowed(tools: tuple[Tool, ...], choice: Any) -> tuple[Tool, ...]:
    """Those of the tools that a choice of type `allowed_tools` names; all of them otherwise."""
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return tools
    inner = choice.get("allowed_tools")
    listed = inner.get("tools") if isinstance(inner, dict) else choice.get("tools")
    names = []
    for tool in listed if isinstance(listed, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        names.append((function if isinstance(function, dict) else tool).get("name"))
    return tuple(tool for tool in tools if tool.name in names)


def wrong_type(name: str, expected: str, value: Any) -> Refused:
    """The API's words for a member of the wrong type."""
    names = {str: "a string", bool: "a boolean", dict: "an object", list: "an array"}
    got = names.get(type(value), "null" if value is None else "a number")
    return Refused(
        f"Invalid type for '{name}': expected {expected}, but got {got} instead.",
        code="invalid_type",
        param=name,
    )


def missing(name: str) -> Refused:
    """The API's words for a member that has to be there."""
    return Refused(
        f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name
    )


def fit_context(call: Call, prompt_tokens: int, param: str) -> None:
    """Refuse a prompt that is longer than the provider's configured window."""
    window = call.provider.context_window
    if window is not None and prompt_tokens > window:
        raise Refused(
            f"This model's maximum context length is {window} tokens. However, your messages "
            f"resulted in {prompt_tokens} tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param=param,
        )


def spent(prompt_tokens: int, output_tokens: int, reasoning_tokens: int = 0) -> Usage:
    """The usage of an answer; half of a long prompt counts as cached, in the API's steps of 128."""
    cached = 0
    if prompt_tokens >= _CACHED_FROM:
        cached = prompt_tokens // 2 // _CACHED_STEP * _CACHED_STEP
    return Usage(
        input_tokens=prompt_tokens,
        output_tokens=output_tokens + reasoning_tokens,
        cached_tokens=cached,
        reasoning_tokens=reasoning_tokens,
    )


def usage_json(usage: Usage) -> dict[str, Any]:
    """The `usage` object of chat and text completions."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
