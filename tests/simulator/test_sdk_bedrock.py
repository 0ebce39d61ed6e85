"""The AWS SDK against a simulated Bedrock: Converse, its streams, and what is invoked."""

from __future__ import annotations

import json

import httpx
import pytest
from botocore.eventstream import ChecksumMismatch  # type: ignore[import-untyped]  # boto has no types
from botocore.exceptions import EventStreamError  # type: ignore[import-untyped]  # as above

from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.simulator.bedrock_client import KEYS, QUESTION, ask, client, refusal, user

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


def tools(*names, **choice):
    specs = [
        {"toolSpec": {"name": name, "description": "d", "inputSchema": {"json": SCHEMA}}}
        for name in names
    ]
    return {"tools": specs, **choice}


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("bedrock", "bedrock", aws=KEYS),
        Provider("bearer", "bedrock", key="api-key", context_window=50),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def made(running):
    """The one that most tests use: boto3 takes its time to read what the service has."""
    return client(running)


@pytest.fixture
def bedrock(simulator, made):
    return made


def events(made, **members):
    asked = {"modelId": "us.amazon.nova-pro-v1:0", "messages": [QUESTION]} | members
    return list(made.converse_stream(**asked)["stream"])


def kinds(found):
    return [next(iter(event)) for event in found]


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
