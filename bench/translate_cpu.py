"""What a translation costs: CPU of the handler alone, with no transport.

    python -m bench.translate_cpu

Four phases: the head and the body of a request of 2 KB (five messages, a call with its result, a
tool), the head and the body of an answer of 1 KB (one text and its usage); the bar is 60 us. The
sizes are printed. A client declares the same tools with each request, so they are known from the
one before; the line `tools unseen` is without that. One chunk of a stream, a word: the bar is
8 us. Each figure is the best of many short runs, since other processes only ever add to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle

from ext_authz.translate.clients.writer import Moment
from ext_authz.translate.target import Target
from ext_authz.translate.translator import translate
from ext_authz.translate.wire import encode
from xds.edge.pairs import ClientApi, Provider

BAR = 60.0
CHUNK_BAR = 8.0
_ROUNDS = 40
_TIMES = 350
_UNSEEN = 4000
"""Requests of which each has other tools: more than are kept."""
_MOMENT = Moment(1_700_000_000.0, "0123456789abcdef")
_WORDS = "The quick brown fox jumps over the lazy dog near the river bank. "


def chat_request(*, stream: bool, says: str = "Tells the weather") -> bytes:
    """Write a request of about 2 KB, with a tool that was called and `says` what it is for."""
    properties = {
        name: {"type": "string", "description": "What the user asks for"}
        for name in ("city", "country", "unit")
    }
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": says,
            "parameters": {"type": "object", "properties": properties, "required": ["city"]},
        },
    }
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
    }
    body = {
        "model": "smart",
        "messages": [
            {"role": "system", "content": _WORDS * 6},
            {"role": "user", "content": _WORDS * 8},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": _WORDS * 3},
            {"role": "user", "content": _WORDS * 4},
        ],
        "tools": [tool],
        "temperature": 0.5,
        "max_tokens": 500,
        "stream": stream,
    }
    return encode(body)


def _messages_request(*, stream: bool) -> bytes:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    body = {
        "model": "smart",
        "max_tokens": 500,
        "system": _WORDS * 6,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": _WORDS * 8}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"city": "x"}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": _WORDS * 3},
                    {"type": "text", "text": _WORDS * 6},
                ],
            },
        ],
        "tools": [{"name": "f", "description": _WORDS, "input_schema": schema}],
        "stream": stream,
    }
    return encode(body)


_CLAUDE = encode(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": _WORDS * 12}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 400, "output_tokens": 200, "cache_read_input_tokens": 100},
    }
)
_GPT = encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _WORDS * 12},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 400, "completion_tokens": 200, "total_tokens": 600},
    }
)
_GEMINI = encode(
    {
        "candidates": [
            {"content": {"parts": [{"text": _WORDS * 12}], "role": "model"}, "finishReason": "STOP"}
        ],
        "usageMetadata": {"promptTokenCount": 400, "candidatesTokenCount": 200},
        "modelVersion": "gemini-2.5-flash",
    }
)
_CONVERSE = encode(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": _WORDS * 12}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 400, "outputTokens": 200, "totalTokens": 600},
    }
)
ANSWERS = {"claude": _CLAUDE, "gpt": _GPT}
"""Whole answers of about 1 KB, by who gives them."""
_JSON = {"content-type": "application/json", "x-request-id": "r1"}
_SSE = {"content-type": "text/event-stream"}
CHUNKS = {
    "claude": (
        (
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1",'
            b'"model":"claude","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
            b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
            b'"content_block":{"type":"text","text":""}}\n\n'
        ),
        (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            b'"delta":{"type":"text_delta","text":" river"}}\n\n'
        ),
    ),
    "gpt": (
        b"",
        (
            b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,'
            b'"model":"gpt-4o",'
            b'"system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" river"},'
            b'"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
        ),
    ),
    "gemini": (
        b"",
        (
            b'data: {"candidates": [{"content": {"parts": [{"text": " river"}],"role": "model"},'
            b'"index": 0}],"usageMetadata": {"promptTokenCount": 9,"totalTokenCount": 9},'
            b'"modelVersion": "gemini-2.5-flash"}\r\n\r\n'
        ),
    ),
}


def _best(work: Callable[[], object]) -> float:
    """The CPU time of one call in microseconds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time_ns()
        for _ in range(_TIMES):
            work()
        best = min(best, (time.process_time_ns() - start) / _TIMES / 1000)
    return best


def _whole(client: ClientApi, target: Target, bodies: Sequence[bytes], answer: bytes) -> float:
    following = cycle(bodies)

    def work() -> None:
        machine = translate(client, target, next(following), {}, _MOMENT).machine
        machine.head(200, _JSON)
        machine.feed(answer)
        machine.end()

    return _best(work)


def _chunk(client: ClientApi, target: Target, body: bytes, stream: tuple[bytes, bytes]) -> float:
    machine = translate(client, target, body, {}, _MOMENT).machine
    machine.head(200, _SSE)
    machine.feed(stream[0])
    return _best(lambda: machine.feed(stream[1]))


def main() -> None:
    """Print the figures beside their bars."""
    claude = Target(Provider.ANTHROPIC, "claude-sonnet-4-5")
    gpt = Target(Provider.OPENAI, "gpt-4o")
    gemini = Target(Provider.GEMINI, "gemini-2.5-flash")
    bedrock = Target(Provider.BEDROCK, "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    chat, messages = chat_request(stream=False), _messages_request(stream=False)
    unseen = [chat_request(stream=False, says=f"Of place {n}") for n in range(_UNSEEN)]
    print(f"four phases: request and answer in bytes, CPU (bar {BAR:.0f} us)")
    for name, client, target, body, answer in (
        ("chat -> anthropic", ClientApi.CHAT, claude, chat, _CLAUDE),
        ("messages -> openai", ClientApi.MESSAGES, gpt, messages, _GPT),
        ("chat -> gemini", ClientApi.CHAT, gemini, chat, _GEMINI),
        ("chat -> bedrock", ClientApi.CHAT, bedrock, chat, _CONVERSE),
        ("messages -> bedrock", ClientApi.MESSAGES, bedrock, messages, _CONVERSE),
        ("messages -> gemini", ClientApi.MESSAGES, gemini, messages, _GEMINI),
        ("chat -> openai (passed on)", ClientApi.CHAT, gpt, chat, _GPT),
    ):
        sizes = f"{len(body):5} {len(answer):5}"
        print(f"  {name:28} {sizes} {_whole(client, target, [body], answer):6.1f} us")
    sizes = f"{len(unseen[0]):5} {len(_GEMINI):5}"
    measured = _whole(ClientApi.CHAT, gemini, unseen, _GEMINI)
    print(f"  {'chat -> gemini, tools unseen':28} {sizes} {measured:6.1f} us")
    chat, messages = chat_request(stream=True), _messages_request(stream=True)
    print(f"one chunk of a stream: bytes, CPU (bar {CHUNK_BAR:.0f} us)")
    for name, client, target, body, wire in (
        ("chat <- anthropic", ClientApi.CHAT, claude, chat, "claude"),
        ("messages <- openai", ClientApi.MESSAGES, gpt, messages, "gpt"),
        ("chat <- gemini", ClientApi.CHAT, gemini, chat, "gemini"),
        ("chat <- openai (passed on)", ClientApi.CHAT, gpt, chat, "gpt"),
    ):
        size = f"{len(CHUNKS[wire][1]):11}"
        print(f"  {name:28} {size} {_chunk(client, target, body, CHUNKS[wire]):6.2f} us")


if __name__ == "__main__":
    main()
