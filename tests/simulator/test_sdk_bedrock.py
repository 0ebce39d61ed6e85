"""The AWS SDK and the official Anthropic client for Bedrock, against one simulator."""

from __future__ import annotations

import json

import anthropic
import boto3  # type: ignore[import-untyped]  # boto3 has no types
import httpx
import pytest
from botocore.config import Config as BotoConfig  # type: ignore[import-untyped]  # as above
from botocore.eventstream import ChecksumMismatch  # type: ignore[import-untyped]  # as above
from botocore.exceptions import (  # type: ignore[import-untyped]  # as above
    ClientError,
    EventStreamError,
)

from simulator.config import AwsKeys, Config, Provider
from simulator.running import start_in_thread

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI", region="us-east-1")
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


def tools(*names, **choice):
    specs = [
        {"toolSpec": {"name": name, "description": "d", "inputSchema": {"json": SCHEMA}}}
        for name in names
    ]
    return {"tools": specs, **choice}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


QUESTION = user({"text": "What is a gateway?"})


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("bedrock", "bedrock", aws=KEYS),
        Provider("session", "bedrock", aws=AwsKeys("AKID", "s", session_token="token")),
        Provider("bearer", "bedrock", key="api-key", context_window=50),
        Provider("claude", "anthropic_bedrock", aws=KEYS),
        Provider("any", "bedrock"),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


@pytest.fixture
def simulator(running):
    yield running
    running.wait_idle()
    running.reset()


def client(simulator, name="bedrock", access=KEYS.access_key, secret=KEYS.secret_key, **more):
    return boto3.client(
        "bedrock-runtime",
        region_name=more.pop("region", "us-east-1"),
        endpoint_url=simulator.url(name),
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=BotoConfig(retries={"max_attempts": 0}),
        **more,
    )


@pytest.fixture(scope="module")
def made(running):
    """The one that most tests use: boto3 takes its time to read what the service has."""
    return client(running)


@pytest.fixture
def bedrock(simulator, made):
    return made


def ask(made, **members):
    return made.converse(**{"modelId": "us.amazon.nova-pro-v1:0", "messages": [QUESTION]} | members)


def events(made, **members):
    asked = {"modelId": "us.amazon.nova-pro-v1:0", "messages": [QUESTION]} | members
    return list(made.converse_stream(**asked)["stream"])


def kinds(found):
    return [next(iter(event)) for event in found]


def refusal(call, *args, **members):
    with pytest.raises(ClientError) as caught:
        call(*args, **members)
    return caught.value.response["Error"]


def test_a_plain_answer_bills_what_it_says(simulator, bedrock):
    """The model's id, an ARN too, comes out of the path as it went in."""
    answer = ask(bedrock, modelId=PROFILE)
    [block] = answer["output"]["message"]["content"]
    assert f"bedrock ({PROFILE}) to “What is a gateway?”" in block["text"]
    assert answer["stopReason"] == "end_turn"
    simulator.wait_idle()
    assert simulator.usage()["bedrock"][PROFILE].output_tokens == answer["usage"]["outputTokens"]


def test_a_stream_has_the_plain_answers_words_and_ends_with_its_usage(bedrock):
    """messageStart, deltas without a start, their stop, messageStop, and only then metadata."""
    found = events(bedrock)
    names = kinds(found)
    assert names[0] == "messageStart"
    assert set(names[1:-3]) == {"contentBlockDelta"}
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in found[1:-3])
    assert text.startswith("Simulated answer of bedrock")
    assert found[-1]["metadata"]["usage"]["outputTokens"] == len(names) - 4


def test_thinking_then_tools_in_blocks_of_their_own(bedrock):
    """Thoughts are signed; each tool's block has a start, and its input comes in pieces."""
    asked = {"toolConfig": tools("sky", "sea"), "additionalModelRequestFields": THINKING}
    plain = ask(bedrock, **asked)
    blocks = plain["output"]["message"]["content"]
    assert [next(iter(block)) for block in blocks] == ["reasoningContent", "toolUse", "toolUse"]
    assert blocks[0]["reasoningContent"]["reasoningText"]["signature"]
    assert blocks[1]["toolUse"]["input"] == {"city": "city"}
    assert plain["stopReason"] == "tool_use"
    found = events(bedrock, **asked)
    starts = [event["contentBlockStart"] for event in found if "contentBlockStart" in event]
    assert [start["contentBlockIndex"] for start in starts] == [1, 2]
    deltas = [event["contentBlockDelta"] for event in found if "contentBlockDelta" in event]
    for start in starts:
        pieces = [
            one["delta"]["toolUse"]["input"]
            for one in deltas
            if one["contentBlockIndex"] == start["contentBlockIndex"]
        ]
        assert json.loads("".join(pieces)) == {"city": "city"}
    assert any("signature" in one["delta"].get("reasoningContent", {}) for one in deltas)


def test_a_tool_can_be_chosen_and_its_results_are_answered_in_words(bedrock):
    """As any model does once the results are in."""
    config = tools("sky", "sea", toolChoice={"tool": {"name": "sea"}})
    first = ask(bedrock, toolConfig=config)
    message = first["output"]["message"]
    [use] = [block["toolUse"] for block in message["content"]]
    assert use["name"] == "sea"
    result = {"toolUseId": use["toolUseId"], "content": [{"json": {"waves": 3}}]}
    history = [QUESTION, message, user({"toolResult": result})]
    assert ask(bedrock, messages=history, toolConfig=tools("sea"))["stopReason"] == "end_turn"
    # The service wants the tools again where the history has used them.
    error = refusal(ask, bedrock, messages=history)
    assert error["Code"] == "ValidationException"
    assert "toolConfig field must be defined" in error["Message"]
    cut = [QUESTION, message, user({"text": "and?"})]
    error = refusal(ask, bedrock, messages=cut, toolConfig=tools("sea"))
    assert "Expected toolResult blocks" in error["Message"]


@pytest.mark.parametrize("signed", [False, True])
def test_a_thinking_model_wants_back_what_it_thought(bedrock, signed):
    """The turn whose results come now begins with its signed thoughts, or there is no budget."""
    config = {"toolConfig": tools("sky"), "additionalModelRequestFields": THINKING}
    message = ask(bedrock, **config)["output"]["message"]
    kept = message["content"] if signed else message["content"][1:]
    [use] = [block["toolUse"] for block in kept if "toolUse" in block]
    result = user({"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "blue"}]}})
    history = [QUESTION, {"role": "assistant", "content": kept}, result]
    if signed:
        assert ask(bedrock, messages=history, **config)["stopReason"] == "end_turn"
    else:
        error = refusal(ask, bedrock, messages=history, **config)
        assert "but found `tool_use`" in error["Message"]


def test_structured_answers_stops_and_limits(bedrock):
    """An output format gives JSON of the schema; a stop and a limit end the answer."""
    structure = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "x"}}
    form = {"textFormat": {"type": "json_schema", "structure": structure}}
    answer = ask(bedrock, outputConfig=form)
    assert json.loads(answer["output"]["message"]["content"][0]["text"]) == {"city": "city"}
    assert ask(bedrock, inferenceConfig={"maxTokens": 3})["stopReason"] == "max_tokens"
    stops = {"stopSequences": ["gateway"]}
    assert ask(bedrock, inferenceConfig=stops)["stopReason"] == "stop_sequence"


def test_cache_points_split_the_prompt(bedrock):
    """What stands before a mark is half read and half written, and no part of inputTokens."""
    system = [{"text": "x" * 4000}, {"cachePoint": {"type": "default"}}]
    usage = ask(bedrock, system=system)["usage"]
    assert usage["cacheReadInputTokens"] == usage["cacheWriteInputTokens"] == 500
    assert usage["inputTokens"] < 50


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"messages": [QUESTION, QUESTION]}, "must alternate"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "start with a user"),
        ({"messages": []}, "messages field is empty"),
        ({"messages": [user({"text": " "})]}, "is blank"),
        ({"toolConfig": tools("x", toolChoice={"tool": {"name": "y"}})}, "not in toolConfig"),
        ({"additionalModelRequestFields": THINKING | {"x": 1}, "inferenceConfig":
          {"temperature": 0.5}}, "may only be set to 1"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_a_validation_exception(bedrock, members, words):
    """In the service's words, with its id."""
    error = refusal(ask, bedrock, **members)
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]


@pytest.mark.parametrize("name", ["model", "stream", "max_tokens"])
def test_members_of_other_apis_are_refused(simulator, name):
    """What no SDK would send: a translator that forgot to take it out."""
    body = {"messages": [QUESTION], name: 1}
    url = simulator.url("bearer") + "/model/m.m/converse"
    answer = httpx.post(url, json=body, headers={"authorization": "Bearer api-key"})
    assert answer.status_code == 400
    assert f"extraneous key [{name}]" in answer.json()["message"]
    assert answer.headers["x-amzn-errortype"].startswith("ValidationException:")


def test_signatures_are_checked(simulator):
    """The keys, the session, the region and the bytes: each of them has to be the right one."""
    assert ask(client(simulator))["stopReason"] == "end_turn"
    signed = client(simulator, "session", "AKID", "s", aws_session_token="token")
    assert ask(signed)["stopReason"] == "end_turn"
    wrong = (
        (client(simulator, secret="other"), "InvalidSignatureException"),
        (client(simulator, access="OTHER"), "UnrecognizedClientException"),
        (client(simulator, region="eu-west-1"), "InvalidSignatureException"),
        (client(simulator, "session", "AKID", "s"), "UnrecognizedClientException"),
        (client(simulator, "bearer"), "UnrecognizedClientException"),
    )
    for made, code in wrong:
        assert refusal(ask, made)["Code"] == code
    assert {record.outcome for record in simulator.requests[2:]} == {"unauthorized"}


def test_without_keys_a_signature_still_has_its_shape(simulator):
    """Anybody's keys, and the right service; half a header is none."""
    assert ask(client(simulator, "any", "OTHER", "other"))["stopReason"] == "end_turn"
    scope = "AKID/20260101/us-east-1/{}/aws4_request"
    rest = "SignedHeaders=host;x-amz-date, Signature=00"
    for credential, words in (
        ("Signature=00", "IncompleteSignature"),
        (f"Credential={scope.format('s3')}, {rest}", "InvalidSignature"),
    ):
        headers = {"authorization": f"AWS4-HMAC-SHA256 {credential}"}
        url = simulator.url("any") + "/model/m.m/converse"
        answer = httpx.post(url, json={"messages": [QUESTION]}, headers=headers)
        assert answer.status_code == 403
        assert answer.headers["x-amzn-errortype"].startswith(words)


def test_an_api_key_is_a_bearer_token(simulator):
    """As Bedrock's API keys are; the configured one, where there is one."""
    body = {"messages": [QUESTION]}
    for key, status in (("api-key", 200), ("other", 403)):
        url = simulator.url("bearer") + "/model/m.m/converse"
        answer = httpx.post(url, json=body, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == status
    url = simulator.url("bedrock") + "/model/m.m/converse"
    answer = httpx.post(url, json=body)
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"].startswith("MissingAuthenticationToken")


def test_a_prompt_that_is_too_long(simulator):
    """The configured window is the service's own error."""
    body = {"messages": [user({"text": "x" * 400})]}
    url = simulator.url("bearer") + "/model/m.m/converse"
    answer = httpx.post(url, json=body, headers={"authorization": "Bearer api-key"})
    assert answer.status_code == 400
    assert "Input is too long" in answer.json()["message"]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("429", "ThrottlingException"),
        ("429:ModelNotReadyException", "ModelNotReadyException"),
        ("503", "ServiceUnavailableException"),
        ("408", "ModelTimeoutException"),
        ("context_length_exceeded", "ValidationException"),
    ],
)
def test_errors_on_request(simulator, bedrock, outcome, code):
    """The service's name for each status, and any of its own."""
    simulator.set_scenario("bedrock", outcome)
    assert refusal(ask, bedrock)["Code"] == code


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("outcome", "reason"),
    [("content_filter", "content_filtered"), ("400:guardrail_intervened", "guardrail_intervened")],
)
def test_a_filter_is_a_stop_reason(simulator, bedrock, stream, outcome, reason):
    """200, as Converse has it."""
    simulator.set_scenario("bedrock", outcome)
    if stream:
        stop = next(event["messageStop"] for event in events(bedrock) if "messageStop" in event)
    else:
        stop = ask(bedrock)
    assert stop["stopReason"] == reason


@pytest.mark.parametrize(
    ("outcome", "code", "before"),
    [
        ("error_in_band:2", "modelStreamErrorException", 3),
        ("error_in_band:2:throttlingException", "throttlingException", 3),
        ("error_in_band:headers:InternalServerException", "internalServerException", 0),
    ],
)
def test_exceptions_inside_a_stream(simulator, bedrock, outcome, code, before):
    """A frame of its own kind, after as many tokens as the outcome says."""
    simulator.set_scenario("bedrock", outcome)
    stream = bedrock.converse_stream(modelId="m.m", messages=[QUESTION])["stream"]
    seen = []
    with pytest.raises(EventStreamError) as caught:
        seen.extend(stream)
    assert caught.value.response["Error"]["Code"] == code
    assert len(seen) == before


def test_frames_with_wrong_checksums_and_streams_without_an_end(simulator, bedrock):
    """What a reader of event streams has to notice by itself."""
    simulator.set_scenario("bedrock", "garbage:1:frame")
    with pytest.raises(ChecksumMismatch):
        events(bedrock)
    simulator.set_scenario("bedrock", "no_terminal")
    assert kinds(events(bedrock))[-1] == "contentBlockStop"
    simulator.set_scenario("bedrock", "cut:2")
    with pytest.raises(Exception, match=r"(?i)reset|broken|aborted|ended"):
        events(bedrock)


def test_tokens_are_counted_as_they_are_billed(bedrock):
    """CountTokens says what the answer's usage says."""
    counted = bedrock.count_tokens(modelId="m.m", input={"converse": {"messages": [QUESTION]}})
    assert counted["inputTokens"] == ask(bedrock)["usage"]["inputTokens"]


def test_embeddings_of_titan_and_cohere(bedrock):
    """By InvokeModel, in each model's schema."""
    body = json.dumps({"inputText": "a", "dimensions": 256})
    answer = bedrock.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=body)
    found = json.loads(answer["body"].read())
    assert (len(found["embedding"]), found["inputTextTokenCount"]) == (256, 1)
    asked = {"texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"]}
    answer = bedrock.invoke_model(modelId="cohere.embed-v4:0", body=json.dumps(asked))
    found = json.loads(answer["body"].read())
    assert len(found["embeddings"]["float"]) == 2
    error = refusal(
        bedrock.invoke_model,
        modelId="amazon.titan-embed-text-v2:0",
        body=json.dumps({"input": "a"}),
    )
    assert error["Code"] == "ValidationException"


def claude(simulator):
    return anthropic.AnthropicBedrock(
        aws_access_key=KEYS.access_key,
        aws_secret_key=KEYS.secret_key,
        aws_region="us-east-1",
        base_url=simulator.url("claude"),
        max_retries=0,
        _strict_response_validation=True,
    )


ASKED = {"model": CLAUDE, "max_tokens": 200, "messages": [{"role": "user", "content": "Why?"}]}


def test_claude_by_invoke_model(simulator):
    """The official client, plain and streamed, with tools: the model stands in the path alone."""
    with claude(simulator) as made:
        assert f"claude ({CLAUDE})" in made.messages.create(**ASKED).content[0].text
        tool = {"name": "sky", "input_schema": SCHEMA}
        with made.messages.stream(**ASKED, tools=[tool]) as stream:
            final = stream.get_final_message()
    assert final.content[0].input == {"city": "city"}
    assert final.stop_reason == "tool_use"
    sent = simulator.requests[-1]
    assert sent.path.endswith("/invoke-with-response-stream")
    assert {"model", "stream"}.isdisjoint(sent.json())
    simulator.wait_idle()
    assert sent.billed.output_tokens == final.usage.output_tokens


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"model": "x"}, "model: Extra inputs"),
        ({"stream": True}, "stream: Extra inputs"),
        ({"anthropic_version": "2023-06-01"}, "bedrock-2023-05-31"),
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"messages": [{"role": "user", "content": "x"}] * 2}, "must alternate"),
    ],
)
def test_claudes_body_has_to_be_the_clouds(simulator, members, words):
    """A version, and neither a model nor a stream."""
    body = {"anthropic_version": "bedrock-2023-05-31", **ASKED}
    del body["model"]
    url = f"{simulator.url('bearer')}/model/{CLAUDE}/invoke"
    headers = {"authorization": "Bearer api-key"}
    assert httpx.post(url, json=body, headers=headers).status_code == 200
    answer = httpx.post(url, json=body | members, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
