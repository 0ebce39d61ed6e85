"""Every client before providers that `@copilotkit/aimock` simulates: none of our own making."""

from __future__ import annotations

from urllib.parse import unquote

import anthropic
import httpx2
import openai
import pytest
import yaml

from tests.e2e.aimock import Aimock, aimock
from tests.e2e.edges import gateway
from tests.e2e.matrix.kinds import ENVIRONMENT, KINDS
from tests.e2e.matrix.questions import CLIENTS, TALKERS, ResponseFailedError
from tests.e2e.matrix.running import sdks_at
from tests.e2e.matrix.spoken import speak
from xds.edge.pairs import PASSED, ClientApi

pytestmark = pytest.mark.slow

LONG = "Aimock says this in pieces of twenty characters, with accents: déjà vu, 日本語, 🙂."
FIXTURES = [
    {
        "match": {"userMessage": "weather"},
        "response": {
            "toolCalls": [
                {"name": "get_weather", "arguments": {"city": "Zürich"}},
                {"name": "get_time", "arguments": {"city": "Zürich"}},
            ]
        },
    },
    {
        "match": {"userMessage": "think"},
        "response": {"content": "It is 42.", "reasoning": "Six times seven."},
    },
    {
        "match": {"userMessage": "busy"},
        "response": {"error": {"message": "Too many", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "cut"},
        "response": {"content": LONG * 9},
        "truncateAfterChunks": 6,
    },
    {"match": {"inputText": "one text"}, "response": {"embedding": [0.25, -0.5, 0.125]}},
    {"match": {"userMessage": "hello"}, "response": {"content": LONG}},
]
NOT_HERE = ("claude-vertex", "claude-bedrock")
"""What aimock does not simulate, or streams without the envelope that AWS has around each event."""
SIMULATED = [kind for kind in KINDS if kind.name not in NOT_HERE]
THINKERS = ("anthropic", "gemini", "gemini-vertex", "bedrock")
PASSED_ON = [kind.name for kind in SIMULATED if kind.speech in PASSED[ClientApi.COMPLETIONS]]
"""Who is asked for a completion as it came: aimock has none."""
BREAKS = (openai.APIError, anthropic.APIError, httpx2.TransportError, ResponseFailedError)
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
each_client = pytest.mark.parametrize("client", CLIENTS)
each_talker = pytest.mark.parametrize("client", TALKERS)
each_kind = pytest.mark.parametrize("kind", SIMULATED, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as running:
        yield running


@pytest.fixture(scope="module")
def before_it(tmp_path_factory, mock):
    policy = yaml.safe_dump(
        {
            "gatewright": "v1",
            "name": "aimock",
            "edge": {"folder": "edge", "workers": 1},
            "providers": {
                kind.name: {**kind.document, "url": mock.url + kind.document["url"]}
                for kind in SIMULATED
            },
            "models": {kind.name: {"targets": [f"{kind.name}/{kind.model}"]} for kind in SIMULATED},
            "routes": [{"name": "llm", "match": "/v1", "auth": "none", "serve": "llm"}],
        },
        sort_keys=False,
    )
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, policy, edges=1, providers=(), environment=ENVIRONMENT) as running:
        yield sdks_at(running.urls()[0])


@pytest.fixture
def sdks(request, before_it):
    """The SDKs, where aimock has what the test asks for."""
    asked = request.node.callspec.params
    if asked.get("client") is ClientApi.COMPLETIONS and asked["kind"].name in PASSED_ON:
        pytest.skip("aimock has no completions")
    return before_it


@plain_and_streamed
@each_client
@each_kind
def test_words(sdks, mock: Aimock, kind, client, stream):
    """In one piece and in many, and the provider was asked for its own model."""
    assert speak(sdks, client, kind.name, "hello", stream=stream).text == LONG
    last = mock.journal()[-1]
    assert last["response"]["status"] == 200
    assert unquote(last["body"]["model"]) == kind.model


@plain_and_streamed
@each_talker
@each_kind
def test_tools(sdks, kind, client, stream):
    tools = ("get_weather", "get_time")
    said = speak(sdks, client, kind.name, "the weather?", tools=tools, stream=stream)
    assert said.calls == tuple((name, {"city": "Zürich"}) for name in tools)


@plain_and_streamed
@each_talker
@pytest.mark.parametrize("name", THINKERS)
def test_thoughts(sdks, name, client, stream):
    said = speak(sdks, client, name, "think", stream=stream)
    assert (said.thoughts, said.text) == ("Six times seven.", "It is 42.")


@plain_and_streamed
@each_client
@each_kind
def test_errors(sdks, kind, client, stream):
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError), match="Too many"):
        speak(sdks, client, kind.name, "busy", stream=stream)


@each_client
@each_kind
def test_a_stream_that_is_cut(sdks, kind, client):
    """It ends after six pieces, and is no answer."""
    with pytest.raises(BREAKS):
        speak(sdks, client, kind.name, "cut", stream=True)


@pytest.mark.parametrize("name", ["openai", "azure", "cohere"])
def test_embeddings(sdks, name):
    got = sdks.openai.embeddings.create(model=name, input="one text")
    assert got.data[0].embedding == [0.25, -0.5, 0.125]
