"""The official SDKs read what the translator wrote: bytes become facts, or the SDK raises."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai

from tests.translate import sdk_chat, sdk_message, sdk_response
from tests.translate.facts import Facts


def _http(status: int, headers: Any, body: bytes) -> httpx2.Client:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers=list(headers), content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def openai_client(status: int, headers: Any, body: bytes, *, strict: bool = True) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="any",
        base_url="http://gateway/v1",
        max_retries=0,
        http_client=_http(status, headers, body),
        _strict_response_validation=strict,
    )


def anthropic_client(status: int, headers: Any, body: bytes) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key="any",
        base_url="http://gateway",
        max_retries=0,
        http_client=_http(status, headers, body),
        _strict_response_validation=True,
    )


def read(client: str, *, stream: bool, status: int, headers: Any, body: bytes) -> Facts:
    """Parse an answer with the SDK of the client's API."""
    reader = {
        ("chat", False): _chat,
        ("chat", True): _chat_stream,
        ("messages", False): _message,
        ("messages", True): _message_stream,
        ("responses", False): _response,
        ("responses", True): _response_stream,
        ("completions", False): _completion,
        ("completions", True): _completion_stream,
    }[client, stream]
    return reader(status, headers, body)


def _chat(status: int, headers: Any, body: bytes) -> Facts:
    return sdk_chat.of_chat(
        openai_client(status, headers, body).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}]
        )
    )


def _chat_stream(status: int, headers: Any, body: bytes) -> Facts:
    assert body.endswith(b"data: [DONE]\n\n") or b'"error"' in body
    return sdk_chat.of_chunks(
        list(
            openai_client(status, headers, body).chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    )


def _completion(status: int, headers: Any, body: bytes) -> Facts:
    return sdk_chat.of_completion(
        openai_client(status, headers, body).completions.create(model="m", prompt="?")
    )


def _completion_stream(status: int, headers: Any, body: bytes) -> Facts:
    # OpenAI itself sends a null `finish_reason` here, which the SDK's schema does not have.
    stream = openai_client(status, headers, body, strict=False).completions.create(
        model="m", prompt="?", stream=True, stream_options={"include_usage": True}
    )
    return sdk_chat.of_completion_chunks(list(stream))


def _message(status: int, headers: Any, body: bytes) -> Facts:
    got = anthropic_client(status, headers, body).messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
    )
    assert got.type == "message"
    assert got.id.startswith("msg_")
    return sdk_message.of_message(got)


def _message_stream(status: int, headers: Any, body: bytes) -> Facts:
    sdk_message.check_grammar(body)
    with anthropic_client(status, headers, body).messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
    ) as stream:
        return sdk_message.of_message(stream.get_final_message())


def _response(status: int, headers: Any, body: bytes) -> Facts:
    got = openai_client(status, headers, body).responses.create(model="m", input="?")
    assert got.object == "response"
    assert got.id.startswith("resp_")
    return sdk_response.of_response(got)


def _response_stream(status: int, headers: Any, body: bytes) -> Facts:
    client = openai_client(status, headers, body)
    events = list(client.responses.create(model="m", input="?", stream=True))
    sdk_response.check_order(events)
    return sdk_response.of_response(events[-1].response)
