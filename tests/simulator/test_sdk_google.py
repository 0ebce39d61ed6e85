"""Google's official client, against one simulator of AI Studio and Vertex AI."""

from __future__ import annotations

import json

import google.oauth2.credentials
import httpx
import pytest
from google import genai
from google.genai import errors, types

from simulator.config import Config, Provider
from simulator.running import start_in_thread

MODEL, NEW_MODEL = "gemini-2.5-flash", "gemini-3-pro-preview"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = "What is a gateway?"
VERTEX = "/v1/projects/p/locations/us-east5/publishers"


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("studio", "gemini", key="right"),
        Provider("vertex", "gemini_vertex", key="token"),
        Provider("small", "gemini", context_window=50, models=("only-this",)),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


def studio(simulator, key="right", name="studio"):
    options = types.HttpOptions(base_url=simulator.url(name))
    return genai.Client(api_key=key, http_options=options)


def vertex(simulator, token="token"):
    return genai.Client(
        vertexai=True,
        project="p",
        location="us-east5",
        credentials=google.oauth2.credentials.Credentials(token),
        http_options=types.HttpOptions(base_url=simulator.url("vertex")),
    )


@pytest.fixture(scope="module", params=[studio, vertex])
def made(request, running):
    with request.param(running) as client:
        yield client


@pytest.fixture
def gemini(simulator, made):
    return made


def tools(*names):
    declared = [
        types.FunctionDeclaration(name=name, description="d", parameters_json_schema=SCHEMA)
        for name in names
    ]
    return [types.Tool(function_declarations=declared)]


def config(**members):
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(automatic_function_calling=off, **members)


def ask(client, contents=QUESTION, model=MODEL, **members):
    return client.models.generate_content(model=model, contents=contents, config=config(**members))


def stream(client, model=MODEL, **members):
    asked = config(**members)
    return list(client.models.generate_content_stream(model=model, contents=QUESTION, config=asked))


def refusal(call, *args, **members):
    with pytest.raises(errors.APIError) as caught:
        call(*args, **members)
    return caught.value


def test_a_plain_answer_bills_what_it_says(simulator, gemini):
    """Who answered, what was asked, and counts that the recorder has too."""
    answer = ask(gemini)
    assert f"({MODEL}) to “{QUESTION}”" in answer.text
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    simulator.wait_idle()
    billed = simulator.requests[-1].billed
    assert billed.output_tokens == answer.usage_metadata.candidates_token_count
    assert billed.input_tokens == answer.usage_metadata.prompt_token_count


def test_a_stream_tells_its_usage_again_and_again(gemini):
    """The last chunk's counts, and only its finish reason."""
    chunks = stream(gemini)
    assert "".join(chunk.text or "" for chunk in chunks).startswith("Simulated answer of")
    assert [chunk.candidates[0].finish_reason for chunk in chunks[:-1]] == [None] * (
        len(chunks) - 1
    )
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    counts = [chunk.usage_metadata.total_token_count for chunk in chunks]
    assert counts == sorted(counts)
    assert chunks[-1].usage_metadata.candidates_token_count == len(chunks) - 1


def test_a_streams_lines_end_with_crlf_and_nothing_says_done(simulator):
    """On the wire; without alt=sse it is an array, in pieces."""
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    url = f"{simulator.url('studio')}/v1beta/models/{MODEL}:streamGenerateContent"
    headers = {"x-goog-api-key": "right"}
    answer = httpx.post(url + "?alt=sse", json=body, headers=headers)
    assert answer.headers["content-type"] == "text/event-stream"
    frames = answer.content.split(b"\r\n\r\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: {") for frame in frames)
    assert b"\n" not in b"".join(frames)
    pieces = httpx.post(url, json=body, headers=headers).json()
    assert [piece["candidates"][0].get("finishReason") for piece in pieces[-2:]] == [None, "STOP"]


def test_thoughts_are_marked_and_counted_beside_the_answer(gemini):
    """Shown only where they are asked for; paid in either case."""
    thinking = types.ThinkingConfig(include_thoughts=True)
    answer = ask(gemini, thinking_config=thinking)
    parts = answer.candidates[0].content.parts
    assert [bool(part.thought) for part in parts] == [True, False]
    assert parts[1].thought_signature
    usage = answer.usage_metadata
    assert usage.thoughts_token_count == 12
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count + 12
    hidden = ask(gemini, thinking_config=types.ThinkingConfig(thinking_budget=500))
    assert len(hidden.candidates[0].content.parts) == 1
    assert hidden.usage_metadata.thoughts_token_count == 12
    shown = stream(gemini, thinking_config=thinking)
    assert sum(chunk.candidates[0].content.parts[0].thought or 0 for chunk in shown) == 12


def test_functions_are_called_with_a_signature_that_has_to_come_back(gemini):
    """Gemini 3 refuses a current turn without it; the results are answered with words."""
    answer = ask(gemini, model=NEW_MODEL, tools=tools("sky", "sea"))
    called = answer.candidates[0].content
    assert [part.function_call.name for part in called.parts] == ["sky", "sea"]
    assert called.parts[0].function_call.args == {"city": "city"}
    assert called.parts[0].thought_signature
    assert not called.parts[1].thought_signature
    results = [
        types.Part.from_function_response(name=name, response={"is": "blue"})
        for name in ("sky", "sea")
    ]
    asked = types.Content(role="user", parts=[types.Part(text=QUESTION)])
    history = [asked, called, types.Content(role="user", parts=results)]
    assert ask(gemini, history, NEW_MODEL, tools=tools("sky", "sea")).text.startswith("Simulated")
    called.parts[0].thought_signature = None
    error = refusal(ask, gemini, history, NEW_MODEL, tools=tools("sky", "sea"))
    assert (error.code, "thought_signature" in error.message) == (400, True)
    assert ask(gemini, history, tools=tools("sky", "sea")).text
    error = refusal(ask, gemini, [asked, called, asked], tools=tools("sky", "sea"))
    assert "number of function response parts" in error.message


def test_a_function_can_be_chosen_and_streamed(gemini):
    """Whole in one part of one chunk."""
    calling = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["sea"])
    chosen = types.ToolConfig(function_calling_config=calling)
    chunks = stream(gemini, tools=tools("sky", "sea"), tool_config=chosen)
    calls = [part.function_call for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert [call.name for call in calls if call] == ["sea"]
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    none = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="NONE"))
    assert ask(gemini, tools=tools("sky"), tool_config=none).text


def test_structured_answers_limits_and_several_candidates(gemini):
    """Both kinds of schemas; MAX_TOKENS; candidateCount."""
    form = {"response_mime_type": "application/json"}
    assert json.loads(ask(gemini, response_json_schema=SCHEMA, **form).text) == {"city": "city"}
    typed = types.Schema(type="OBJECT", properties={"n": types.Schema(type="INTEGER")})
    assert json.loads(ask(gemini, response_schema=typed, **form).text) == {"n": 1}
    limited = ask(gemini, max_output_tokens=3)
    assert limited.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert len(ask(gemini, candidate_count=2).candidates) == 2


def test_tokens_are_counted_and_texts_embedded(gemini):
    """As billed; one vector a text."""
    counted = gemini.models.count_tokens(model=MODEL, contents=QUESTION)
    assert counted.total_tokens == ask(gemini).usage_metadata.prompt_token_count
    for model in ("gemini-embedding-001", "text-embedding-005"):
        asked = types.EmbedContentConfig(output_dimensionality=8)
        found = gemini.models.embed_content(model=model, contents=["a", "b"], config=asked)
        assert [len(one.values) for one in found.embeddings] == [8, 8]


def test_models(simulator):
    """AI Studio's catalogue; a model that is not there."""
    with studio(simulator) as client:
        names = [model.name for model in client.models.list()]
        assert client.models.get(model=names[0]).name == names[0]
        assert refusal(client.models.get, model="nothing").code == 404
    with studio(simulator, name="small") as client:
        assert refusal(ask, client, model="other").status == "NOT_FOUND"
        error = refusal(ask, client, "x" * 400, model="only-this")
        assert "exceeds the maximum number of tokens allowed (50)" in error.message


def test_credentials(simulator):
    """AI Studio says 400 to a wrong key and 403 to none, Vertex AI 401 to both."""
    with studio(simulator, "wrong") as client:
        error = refusal(ask, client)
    assert error.code == 400
    assert error.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    with vertex(simulator, "wrong") as client:
        assert refusal(ask, client).status == "UNAUTHENTICATED"
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    for name, path, status in (
        ("studio", f"/v1beta/models/{MODEL}", 403),
        ("vertex", f"{VERTEX}/google/models/{MODEL}", 401),
    ):
        url = f"{simulator.url(name)}{path}:generateContent"
        assert httpx.post(url, json=body).status_code == status
    assert {record.outcome for record in simulator.requests} == {"unauthorized"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"max_tokens": 5}, 'Unknown name "max_tokens"'),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"parts": []}]}, "must not be empty"),
        ({"contents": [{"parts": [{"text": ""}]}]}, "oneof field 'data'"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_decl"),
        (
            {"tools": [{"functionDeclarations": [{"name": "x", "parameters":
             {"type": "OBJECT", "properties": {}}}]}]},
            "non-empty for OBJECT",
        ),
        (
            {"tools": [{"functionDeclarations": [{"name": "x", "parameters": {"type": "object",
             "properties": {"a": {"type": "string", "additionalProperties": False}}}}]}]},
            'Unknown name "additionalProperties"',
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "x", "response": "text"}}]}]},
            "an object was expected",
        ),
        ({"generationConfig": {"responseSchema": {"type": "STRING"}}}, "only supported with"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_an_invalid_argument(simulator, members, words):
    """What the SDK would not send, a translator might."""
    body = {"contents": [{"parts": [{"text": "x"}]}]} | members
    url = f"{simulator.url('studio')}/v1beta/models/{MODEL}:generateContent"
    answer = httpx.post(url, json=body, headers={"x-goog-api-key": "right"})
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert words in answer.json()["error"]["message"]


def test_counting_takes_fewer_members_on_vertex(simulator):
    """No toolConfig: the official client has no such member either."""
    body = {"contents": [{"parts": [{"text": "x"}]}], "toolConfig": {}}
    url = f"{simulator.url('vertex')}{VERTEX}/google/models/{MODEL}:countTokens"
    answer = httpx.post(url, json=body, headers={"authorization": "Bearer token"})
    assert answer.status_code == 400
    assert 'Unknown name "toolConfig"' in answer.json()["error"]["message"]


def test_faults_on_request(simulator, gemini):
    """Errors, blocked prompts, ends for other reasons, errors inside a stream."""
    name = "vertex" if gemini.vertexai else "studio"
    simulator.set_scenario(name, ["429", "503", "content_filter", "400:SAFETY", "400:RECITATION"])
    assert refusal(ask, gemini).status == "RESOURCE_EXHAUSTED"
    assert refusal(ask, gemini).status == "UNAVAILABLE"
    assert ask(gemini).prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert ask(gemini).candidates[0].finish_reason == types.FinishReason.SAFETY
    [chunk] = stream(gemini)
    assert chunk.candidates[0].finish_reason == types.FinishReason.RECITATION
    simulator.set_scenario(name, "error_in_band:2:RESOURCE_EXHAUSTED")
    assert refusal(stream, gemini).code == 429
    simulator.set_scenario(name, "no_terminal")
    assert all(chunk.candidates[0].finish_reason is None for chunk in stream(gemini))
    simulator.set_scenario(name, "cut:2")
    with pytest.raises(Exception, match=r"(?i)reset|closed|incomplete|read"):
        stream(gemini)
