"""The simulated providers take the requests of the corpus, and the SDKs read what they answer."""

from __future__ import annotations

import json

import httpx
import pytest

from ext_authz.translate.errors import RefusedError
from ext_authz.translate.translator import translate
from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.translate import sdk, sdk_message
from tests.translate.drive import MOMENT, target
from tests.translate.facts import compact, load
from xds.edge.pairs import ClientApi, Way, pair

ALL = load("requests")
CASES = [
    case
    for case in ALL
    if "error" not in case
    and case["target"]["provider"] in ("openai", "anthropic")
    and case.get("client", "chat") in ("chat", "messages", "responses")
    and not case["name"].startswith("others/")
]
OTHERS = ("azure", "mistral", "cohere")
CLOUDS = ("bedrock", "anthropic_bedrock", "anthropic_vertex", "gemini", "gemini_vertex")


@pytest.fixture(scope="module")
def simulator():
    names = ("openai", "anthropic", *OTHERS, *CLOUDS)
    providers = tuple(Provider(name, name) for name in names)
    with start_in_thread(Config(providers=providers)) as running:
        yield running


CHATS = ("chat", "messages", "responses", "completions")
PREFILL = (
    "chat_to_anthropic/messages of one role are one turn, empty texts are left out, "
    "the prefill is trimmed"
)
MISTAKES = frozenset(
    {
        # What a client gets wrong is the provider's to refuse where the request goes on as it is.
        "chat_to_anthropic/a limit of zero is none",
        "chat_to_anthropic/a wrong type is told by its name",
        "chat_to_anthropic/arguments that are no object are the client's mistake",
        "chat_to_anthropic/no messages",
        "others/Responses for OpenAI go on with all their state",
        "others/OpenAI gets what the client sent, for the target's model",
        "others/a compatible server gets its own words",
        "responses/an earlier response is refused",
        # A prefill is no word of OpenAI's; a temperature of 1.7 is none of Mistral's.
        PREFILL,
        "chat_to_anthropic/no effort is no thinking",
    }
)
CLAUDES_TO_REFUSE = frozenset(
    {
        "messages_to_openai/a limit must be given",
        "others/Claude gets what the client sent",
        "to_converse/thinking goes beside the API's own members",
        "to_gemini/3 thinks by a level",
    }
)
WRONG = {
    **dict.fromkeys(OTHERS, MISTAKES),
    "anthropic_bedrock": CLAUDES_TO_REFUSE,
    "anthropic_vertex": CLAUDES_TO_REFUSE,
    **dict.fromkeys(("gemini", "gemini_vertex", "bedrock"), frozenset()),
}
KEYS = {
    "authorization": "Bearer any",
    "x-api-key": "any",
    "api-key": "any",
    "x-goog-api-key": "any",
}


@pytest.fixture(scope="module")
def http():
    with httpx.Client() as client:
        yield client


def sent(simulator, http, provider, upstream):
    """The provider's answer to a request that was written for it."""
    url = simulator.url(provider).removesuffix("/v1") + upstream.path
    return http.post(url, content=upstream.body, headers={**dict(upstream.headers), **KEYS})


def read_back(machine, got):
    """Feed an answer to the machine that stands for its client; give the client's head and body."""
    head = machine.head(got.status_code, {k.lower(): v for k, v in got.headers.items()})
    out = machine.feed(got.content) + machine.end()
    return head or machine.final, out


def read_same(head, got, out, *, stream):
    """What a Messages client reads of Claude's own answer, wherever Claude is."""
    kind = [("content-type", got.headers["content-type"])]
    made = sdk.anthropic_client(200, head.headers if head else kind, out)
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
    if not stream:
        return sdk_message.of_message(made.messages.create(**asked))
    with made.messages.stream(**asked) as events:
        return sdk_message.of_message(events.get_final_message())


@pytest.mark.parametrize("client", CHATS)
@pytest.mark.parametrize("provider", CLOUDS)
def test_some_requests_for_clouds_are_taken(simulator, http, provider, client):
    """One in so many of the corpus: an odd step, so that plain and streamed ones are in it."""
    step = {"completions": 1, "responses": 3}.get(client, 11)
    assert taken(simulator, http, provider, client, step)


@pytest.mark.slow
@pytest.mark.parametrize("client", CHATS)
@pytest.mark.parametrize("provider", [*OTHERS, *CLOUDS])
def test_requests_for_others_are_taken_as_well(simulator, http, provider, client):
    """Each request of the corpus, retargeted, in turns plain and streamed, and Azure's two URLs."""
    read = taken(simulator, http, provider, client)
    assert read >= (10 if client in ("chat", "messages") else 1)


def taken(simulator, http, provider, client, step=1):
    """How many requests of a client the provider took and answered so that the SDK reads it."""
    read = 0
    asked = [case for case in ALL if case.get("client", "chat") == client]
    for number, case in list(enumerate(asked))[::step]:
        if case["name"] in WRONG[provider]:
            continue
        stream = bool(number % 2)
        request = {**case["request"], "stream": stream}
        request.pop("max_output_tokens", None)  # the corpus has some below the least there is
        request.pop("stream_options", None)
        if client in ("chat", "completions") and stream:
            request["stream_options"] = {"include_usage": True}
            request.pop("n", None)  # the oracle reads one choice
        version = {"api_version": "2024-10-21"} if provider == "azure" and number % 4 > 1 else {}
        to = target(provider, **version)
        try:
            exchange = translate(ClientApi(client), to, compact(request).encode(), {}, MOMENT)
        except RefusedError:
            continue  # what this provider cannot do is not its request
        got = sent(simulator, http, provider, exchange.upstream)
        assert got.status_code == 200, (case["name"], got.text)
        head, out = read_back(exchange.machine, got)
        assert exchange.machine.failure is None, case["name"]
        read += 1
        same = pair(ClientApi(client), to.provider).way is Way.SAME
        if same and provider in OTHERS:
            assert out
            continue
        if same:
            facts = read_same(head, got, out, stream=stream)
        else:
            facts = sdk.read(client, stream=stream, status=200, headers=head.headers, body=out)
        assert facts.text or facts.calls, case["name"]
        assert facts.prompt, case["name"]
        assert facts.completion, case["name"]
    return read


EMBED = {
    "bedrock": ("amazon.titan-embed-text-v2:0", "cohere.embed-v4:0"),
    "gemini": ("gemini-embedding-001",),
    "gemini_vertex": ("gemini-embedding-001", "text-embedding-005"),
    "mistral": ("mistral-embed",),
    "cohere": ("embed-v4.0",),
}


@pytest.mark.parametrize(
    ("provider", "model"), [(name, model) for name, models in EMBED.items() for model in models]
)
def test_embeddings_are_taken_and_read(simulator, http, provider, model):
    """Titan takes one text at a time."""
    texts = ["one"] if "titan" in model else ["one", "two"]
    asked = {"model": "a", "input": texts, "dimensions": 256, "encoding_format": "float"}
    body = compact(asked).encode()
    exchange = translate(ClientApi.EMBEDDINGS, target(provider, model=model), body, {}, MOMENT)
    got = sent(simulator, http, provider, exchange.upstream)
    _, out = read_back(exchange.machine, got)
    assert [len(one["embedding"]) for one in json.loads(out)["data"]] == [256] * len(texts)


COUNTING = ("anthropic_vertex", "bedrock", "gemini", "gemini_vertex")


@pytest.mark.parametrize("provider", ["openai", "azure", *COUNTING])
def test_tokens_are_counted_for_a_client_of_messages(simulator, http, provider):
    body = b'{"model":"a","messages":[{"role":"user","content":"one two three"}]}'
    exchange = translate(ClientApi.COUNT_TOKENS, target(provider), body, {}, MOMENT)
    got = sent(simulator, http, provider, exchange.upstream)
    _, out = read_back(exchange.machine, got)
    assert json.loads(out)["input_tokens"] >= 3


@pytest.mark.parametrize("provider", ["anthropic", *COUNTING])
def test_tokens_are_counted_for_a_client_of_responses(simulator, http, provider):
    body = b'{"model":"a","input":"one two three"}'
    exchange = translate(ClientApi.INPUT_TOKENS, target(provider), body, {}, MOMENT)
    got = sent(simulator, http, provider, exchange.upstream)
    _, out = read_back(exchange.machine, got)
    assert json.loads(out)["input_tokens"] >= 3


@pytest.mark.parametrize("provider", [*OTHERS, *CLOUDS])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", "rate_limited"),
        ("503", "overloaded"),
        ("insufficient_quota", "billing"),
        ("context_length_exceeded", "context_exceeded"),
    ],
)
def test_faults_are_what_they_are_called(simulator, http, provider, fault, kind):
    body = b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
    exchange = translate(ClientApi.MESSAGES, target(provider), body, {}, MOMENT)
    simulator.set_scenario(provider, fault)
    try:
        read_back(exchange.machine, sent(simulator, http, provider, exchange.upstream))
    finally:
        simulator.reset()
    if fault == "insufficient_quota" and provider in CLOUDS:
        kind = "rate_limited"  # the clouds have one word for a quota and a rate
    assert exchange.machine.failure.kind == kind


@pytest.mark.parametrize("provider", [*OTHERS, *CLOUDS])
@pytest.mark.parametrize(
    "fault", ["error_in_band:2", "no_terminal", "garbage:2", "garbage:2:frame"]
)
def test_what_breaks_inside_a_stream_is_a_failure(simulator, http, provider, fault):
    body = b'{"model":"a","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}'
    exchange = translate(ClientApi.MESSAGES, target(provider), body, {}, MOMENT)
    simulator.set_scenario(provider, fault)
    try:
        read_back(exchange.machine, sent(simulator, http, provider, exchange.upstream))
    finally:
        simulator.reset()
    assert exchange.machine.failure is not None


def test_a_refusal_of_mistrals_says_what_was_wrong(simulator, http):
    """The list of pydantic's words stands inside the message."""
    body = b'{"model":"a","temperature":9,"messages":[{"role":"user","content":"x"}]}'
    exchange = translate(ClientApi.CHAT, target("mistral"), body, {}, MOMENT)
    _, out = read_back(exchange.machine, sent(simulator, http, "mistral", exchange.upstream))
    assert b"Input should be between 0 and 1.5" in out


def test_mistral_gets_no_members_of_others_and_no_user_after_results():
    """A history that another provider wrote, and a user who speaks after a tool."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    messages = [
        {"role": "user", "content": "q", "name": "me"},
        {**said, "reasoning_content": "Hm.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "result"},
        {"role": "user", "content": "and?"},
    ]
    request = compact({"model": "a", "messages": messages}).encode()
    exchange = translate(ClientApi.CHAT, target("mistral"), request, {}, MOMENT)
    got = json.loads(exchange.upstream.body)["messages"]
    assert [set(message) for message in got] == [
        {"role", "content"},
        {"role", "content", "tool_calls"},
        {"role", "content", "tool_call_id"},
    ]
    assert got[2]["content"] == "result\n\nand?"
    assert got[2]["tool_call_id"] == got[1]["tool_calls"][0]["id"]


def test_what_cohere_has_narrower_ranges_for_is_the_nearest():
    request = {"model": "a", "messages": [{"role": "user", "content": "q"}], "top_p": 1}
    body = compact({**request, "frequency_penalty": -1}).encode()
    got = json.loads(translate(ClientApi.CHAT, target("cohere"), body, {}, MOMENT).upstream.body)
    assert (got["p"], got["frequency_penalty"]) == (0.99, 0)


def test_mistral_gets_no_bias():
    body = b'{"model":"a","prompt":"x","logit_bias":{"5":1}}'
    exchange = translate(ClientApi.COMPLETIONS, target("mistral"), body, {}, MOMENT)
    assert "logit_bias" not in json.loads(exchange.upstream.body)
    assert "logit_bias" in exchange.upstream.dropped


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_provider_answers_and_the_client_understands(simulator, case, stream):
    client = case.get("client", "chat")
    request = {**case["request"], "stream": stream}
    if client == "chat" and stream:
        request["stream_options"] = {"include_usage": True}
    if case["target"].get("model", "").startswith("o3"):
        request.pop("temperature", None)
    to = target(**case["target"])
    exchange = translate(ClientApi(client), to, compact(request).encode(), {}, MOMENT)
    upstream, machine = exchange.upstream, exchange.machine
    base = simulator.url(case["target"]["provider"]).removesuffix("/v1")
    keys = {"authorization": "Bearer any", "x-api-key": "any"}
    got = httpx.post(
        f"{base}{upstream.path}", content=upstream.body, headers={**dict(upstream.headers), **keys}
    )
    assert got.status_code == 200, got.text
    head = machine.head(200, {name.lower(): value for name, value in got.headers.items()})
    out = machine.feed(got.content) + machine.end()
    head = head or machine.final
    facts = sdk.read(client, stream=stream, status=head.status, headers=head.headers, body=out)
    assert machine.failure is None
    assert facts.text or facts.calls
    assert facts.prompt
    assert facts.completion
    assert json.loads(upstream.body)["model"] == to.model
