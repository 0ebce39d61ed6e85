"""OpenAI text completions, the older API that many compatible servers still speak.

Source: the API reference of `POST /v1/completions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulator import content, tokens
from simulator.content import Ask, Reply
from simulator.formats.base import Call, is_count
from simulator.formats.openai_request import (
    CREATED,
    SSE,
    Generation,
    fit_context,
    generation,
    missing,
    read,
    spent,
    usage_json,
    wrong_type,
)
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer

_DEFAULT_MAX_TOKENS = 16


def respond(call: Call) -> Answer:
    """Answer one text completion request, or raise `Refused`."""
    body = read(call)
    asked = generation(body)
    prompts = _prompts(body)
    prompt_tokens = sum(count for _, count in prompts)
    fit_context(call, prompt_tokens, "prompt")
    replies = []
    for at, (prompt, _) in enumerate(prompts):
        ask = Ask(
            digest=call.digest,
            provider=call.provider.name,
            model=asked.model,
            prompt=prompt,
            max_tokens=_DEFAULT_MAX_TOKENS if asked.max_tokens is None else asked.max_tokens,
            stop=asked.stop,
            wanted=call.outcome.tokens,
            size=call.outcome.size,
            text=call.text,
        )
        replies += [content.reply(ask, at * asked.n + index) for index in range(asked.n)]
    usage = spent(prompt_tokens, sum(reply.output_tokens for reply in replies))
    echoes = [prompt for prompt, _ in prompts for _ in range(asked.n)]
    if body.get("echo") is not True:
        echoes = [""] * len(replies)
    head = {
        "id": "cmpl-" + call.digest[:15].hex(),
        "object": "text_completion",
        "created": CREATED,
        "model": asked.model,
        "system_fingerprint": "fp_simulated",
    }
    if asked.stream:
        chunks = tuple(_stream(call, head, asked, replies, echoes, usage))
        return Answer(200, SSE, chunks, None, usage=usage, model=asked.model)
    choices = [
        _choice(index, echo + reply.text, _finish(reply))
        for index, (echo, reply) in enumerate(zip(echoes, replies, strict=True))
    ]
    value = {**head, "choices": choices, "usage": usage_json(usage)}
    return json_answer(200, value, (), usage, asked.model)


def _prompts(body: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Each prompt's text and its tokens; a prompt of token numbers has no text to show."""
    prompt = body.get("prompt")
    if prompt is None:
        raise missing("prompt")
    several = prompt if isinstance(prompt, list) and prompt and not is_count(prompt[0], 0) else None
    found = []
    for one in several if several is not None else [prompt]:
        if isinstance(one, str):
            found.append((one, tokens.count_prompt(one)))
        elif isinstance(one, list) and one and all(is_count(number, 0) for number in one):
            found.append(("", len(one)))
        else:
            raise wrong_type("prompt", "a string, or an array of strings or tokens", one)
    return found


def _finish(reply: Reply) -> str:
    return "length" if reply.finish == "length" else "stop"


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _stream(
    call: Call,
    head: dict[str, Any],
    asked: Generation,
    replies: list[Reply],
    echoes: list[str],
    usage: Usage,
) -> Iterator[Chunk]:
    no_usage = {"usage": None} if asked.include_usage else {}

    def event(index: int, text: str, count: int, finish: str | None = None) -> Chunk:
        value = {**head, "choices": [_choice(index, text, finish)], **no_usage}
        delay = call.token_delay if count else 0.0
        return Chunk(b"data: " + encode_json(value) + b"\n\n", count, delay)

    for index, (echo, reply) in enumerate(zip(echoes, replies, strict=True)):
        if echo:
            yield event(index, echo, 0)
        for part in reply.parts:
            yield event(index, part, tokens.count_output((part,)))
        yield event(index, "", 0, _finish(reply))
    if asked.include_usage:
        last = {**head, "choices": [], "usage": usage_json(usage)}
        yield Chunk(b"data: " + encode_json(last) + b"\n\n")
    yield Chunk(b"data: [DONE]\n\n", terminal=True)
