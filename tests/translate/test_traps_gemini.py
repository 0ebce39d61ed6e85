"""What Gemini does that its documentation does not say, each as a client then sees it."""

from __future__ import annotations

import json

import pytest

from tests.translate.drive import answer, ask
from tests.translate.facts import compact
from tests.translate.streams import chunks, read, streamed
from tests.translate.wire_formats import sse


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        *[(one, "content_filter") for one in ("SAFETY", "RECITATION", "BLOCKLIST", "SPII",
          "PROHIBITED_CONTENT", "IMAGE_SAFETY", "IMAGE_RECITATION", "MODEL_ARMOR")],
        *[(one, "stop") for one in ("STOP", "OTHER", "MALFORMED_FUNCTION_CALL",
          "UNEXPECTED_TOOL_CALL", "SOMETHING_NEW")],
        ("MAX_TOKENS", "length"),
    ],
)  # fmt: skip
def test_reasons_of_gemini(reason, finish):
    body = sse({"candidates": [{"finishReason": reason}], "modelVersion": "m"}, end="\r\n")
    _, _, out = streamed("chat", "gemini", body)
    assert chunks(out)[0]["choices"][0]["finish_reason"] == finish


def test_gemini_blocks_a_prompt():
    body = compact({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}}).encode()
    exchange = ask("chat", "gemini", stream=False)
    _, out = answer(exchange, body)
    choice = json.loads(out)["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")


def test_calls_of_gemini_in_several_chunks_are_numbered_on():
    def part(name, **more):
        parts = [{"functionCall": {"name": name, "args": {}}, **more}]
        return sse({"candidates": [{"content": {"parts": parts}}]}, end="\r\n")

    end = sse({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {}}, end="\r\n")
    body = part("f", thoughtSignature="+/8=") + part("g") + end
    _, _, out = streamed("chat", "gemini", body)
    starts = [c for one in chunks(out) for ch in one["choices"]
              for c in ch["delta"].get("tool_calls", ()) if "id" in c]  # fmt: skip
    assert [one["index"] for one in starts] == [0, 1]
    assert starts[0]["id"].endswith("__thought__-_8")
    assert starts[0]["extra_content"]["google"]["thought_signature"] == "+/8="
    assert starts[0]["id"] != starts[1]["id"]


def test_a_signature_of_gemini_is_not_on_an_id_that_an_anthropic_client_gets():
    parts = [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "+/8="}]
    body = sse({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}, end="\r\n")
    facts = read("messages", "gemini", body)
    assert facts.calls[0].id == "call_tok_0"


def test_gemini_usage_counts_thoughts_as_output():
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7,
             "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4}  # fmt: skip
    body = sse({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
                "usageMetadata": usage}, end="\r\n")  # fmt: skip
    facts = read("chat", "gemini", body)
    assert (facts.prompt, facts.completion, facts.thought, facts.cached) == (12, 12, 7, 4)


def test_gemini_gives_several_answers():
    candidates = [
        {"index": n, "content": {"parts": [{"text": f"answer {n}"}]}, "finishReason": "STOP"}
        for n in (0, 1)
    ]
    exchange = ask("chat", "gemini", stream=False, n=2)
    _, out = answer(exchange, compact({"candidates": candidates}).encode())
    assert [one["message"]["content"] for one in json.loads(out)["choices"]] == [
        "answer 0",
        "answer 1",
    ]


def test_an_error_of_gemini_wrapped_in_a_list():
    error = [{"error": {"code": 429, "message": "Slow down", "status": "RESOURCE_EXHAUSTED"}}]
    machine, _, out = streamed("chat", "gemini", sse(error, end="\r\n"))
    assert machine.failure.kind == "rate_limited"
    assert chunks(out)[0]["error"]["type"] == "rate_limit_error"
