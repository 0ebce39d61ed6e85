"""The providers' own SDKs: they take the requests that are written, and read the answers.

What is read are the answers of `wire_formats`, so that the corpus stands on what the providers'
parsers accept. Each test asks for its SDK and is skipped where that is not installed.
"""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter

from ext_authz.translate.errors import RefusedError
from ext_authz.translate.translator import translate
from tests.translate.drive import MOMENT, target
from tests.translate.facts import compact, load, scenarios
from tests.translate.wire_formats import WIRES
from xds.edge.pairs import ClientApi

SCENARIOS = scenarios()
SMALL = (ClientApi.EMBEDDINGS, ClientApi.COUNT_TOKENS, ClientApi.INPUT_TOKENS)


def requests(provider):
    """The requests of the corpus that a provider gets, and the same ones from other pairs."""
    made = []
    for case in load("requests"):
        client = ClientApi(case.get("client", "chat"))
        if "error" in case or client in SMALL:
            continue
        same = case["target"]["provider"] == provider
        try:
            to = target(**case["target"]) if same else target(provider)
            body = compact(case["request"]).encode()
            upstream = translate(client, to, body, {}, MOMENT).upstream
        except RefusedError:
            continue  # what this provider cannot do is not its request
        made.append((case["name"], json.loads(upstream.body)))
    assert len(made) > 20
    return made


def consumed(value):
    """Walk a validated value: members that may be iterated are checked only then."""
    if isinstance(value, dict):
        return {key: consumed(inner) for key, inner in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)):
        return [consumed(inner) for inner in value]
    return value


def test_anthropic_takes_the_requests():
    types = pytest.importorskip("anthropic.types")
    plain = TypeAdapter(types.message_create_params.MessageCreateParamsNonStreaming)
    streaming = TypeAdapter(types.message_create_params.MessageCreateParamsStreaming)
    for name, body in requests("anthropic"):
        if name.startswith("others/"):
            continue  # passed on as they came
        adapter = streaming if body.get("stream") else plain
        consumed(adapter.validate_python(body)), name


def test_openai_takes_the_requests():
    types = pytest.importorskip("openai.types.chat.completion_create_params")
    plain = TypeAdapter(types.CompletionCreateParamsNonStreaming)
    streaming = TypeAdapter(types.CompletionCreateParamsStreaming)
    for name, body in requests("openai"):
        if "messages" not in body or not name.startswith("messages_to_openai"):
            continue
        adapter = streaming if body.get("stream") else plain
        consumed(adapter.validate_python(body)), name


def test_mistral_takes_the_requests():
    models = pytest.importorskip("mistralai.client.models")
    for _, body in requests("mistral"):
        if "messages" in body:
            models.ChatCompletionRequest.model_validate(body)


def test_bedrock_takes_the_requests():
    loaders = pytest.importorskip("botocore.loaders")
    model = pytest.importorskip("botocore.model")
    validate = pytest.importorskip("botocore.validate")
    service = model.ServiceModel(
        loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    )
    shape = service.operation_model("ConverseStream").input_shape
    for name, body in requests("bedrock"):
        report = validate.ParamValidator().validate({"modelId": "m", **body}, shape)
        assert not report.has_errors(), (name, report.generate_report())
        unknown = set(body) - set(shape.members)
        assert not unknown, (name, unknown)


def test_gemini_takes_the_requests():
    types = pytest.importorskip("google.genai.types")
    members = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
    for name, body in requests("gemini"):
        assert set(body) <= members, name
        for content in body["contents"]:
            types.Content.model_validate(content)
        for tool in body.get("tools", ()):
            types.Tool.model_validate(tool)
        if "toolConfig" in body:
            types.ToolConfig.model_validate(body["toolConfig"])
        if "generationConfig" in body:
            types.GenerationConfig.model_validate(body["generationConfig"])


def test_cohere_takes_the_requests():
    client = pytest.importorskip("cohere.v2.client")
    import inspect

    known = {*inspect.signature(client.V2Client.chat).parameters, "stream"}
    for name, body in requests("cohere"):
        assert set(body) <= known, name


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_botocore_reads_the_answers_of_converse(name):
    loaders = pytest.importorskip("botocore.loaders")
    model = pytest.importorskip("botocore.model")
    parsers = pytest.importorskip("botocore.parsers")
    stream = pytest.importorskip("botocore.eventstream")
    service = model.ServiceModel(
        loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    )
    facts = WIRES["bedrock"].said(SCENARIOS[name])

    class Http:
        status_code, headers = 200, {}

        def stream(self):
            yield WIRES["bedrock"].stream(facts)

    shape = service.operation_model("ConverseStream").output_shape.members["stream"]
    parser = parsers.EventStreamJSONParser()
    events = list(stream.EventStream(Http(), shape, parser, "ConverseStream"))
    text = "".join(
        event["contentBlockDelta"]["delta"].get("text", "")
        for event in events
        if "contentBlockDelta" in event
    )
    assert text == facts.text
    assert events[-1]["metadata"]["usage"]["outputTokens"] == facts.completion


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_google_genai_reads_the_answers_of_gemini(name):
    types = pytest.importorskip("google.genai.types")
    facts = WIRES["gemini"].said(SCENARIOS[name])
    got = types.GenerateContentResponse.model_validate(json.loads(WIRES["gemini"].whole(facts)))
    parts = (got.candidates[0].content.parts or []) if got.candidates[0].content else []
    assert "".join(part.text or "" for part in parts if not part.thought) == facts.text
    assert [part.function_call.name for part in parts if part.function_call] == [
        call.name for call in facts.calls
    ]
    assert got.usage_metadata.prompt_token_count == facts.prompt


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_mistralai_reads_the_answers_of_mistral(name):
    models = pytest.importorskip("mistralai.client.models")
    facts = WIRES["mistral"].said(SCENARIOS[name])
    got = models.ChatCompletionResponse.model_validate_json(WIRES["mistral"].whole(facts))
    calls = got.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == [call.name for call in facts.calls]
    for line in WIRES["mistral"].stream(facts).decode().split("\n\n")[:-2]:
        models.CompletionChunk.model_validate_json(line.removeprefix("data: "))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_cohere_reads_the_answers_of_cohere(name):
    types = pytest.importorskip("cohere.types")
    response = pytest.importorskip("cohere.v2.types.v2chat_response")
    facts = WIRES["cohere"].said(SCENARIOS[name])
    adapter = TypeAdapter(response.V2ChatResponse)
    got = adapter.validate_json(WIRES["cohere"].whole(facts))
    assert "".join(p.text for p in got.message.content or () if p.type == "text") == facts.text
    assert got.usage.tokens.input_tokens == facts.prompt
    assert types.ChatFinishReason is not None
