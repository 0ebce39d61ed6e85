"""No provider ever sees a credential but its own: a property of every attempt, whatever its cause.

The client sends a canary in every header that may carry a credential; each provider has its own
key. What arrives at each provider is searched for everybody else's canaries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from compiler.lower.llm.credentials import own_key
from compiler.plan_llm import Api, Speech, Trigger
from tests.e2e.envoy_process import until
from tests.e2e.llm_gateway import Gateway, gateway, key_of, model, plan, provider
from tests.e2e.llm_upstream import (
    Answer,
    Behaviour,
    Hang,
    Recorded,
    Reset,
    Upstream,
    anthropic_stream,
    chat,
    chat_chunk,
    message,
    openai_error,
    sse,
    upstream,
)
from xds.wire import unpack

CLIENT = "client-canary"
CLIENT_HEADERS = {
    name: f"{CLIENT}-{number}"
    for number, name in enumerate(
        [
            "authorization",
            "proxy-authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "x-goog-iam-authorization-token",
            "cookie",
            "x-auth-token",
            "x-access-token",
            "x-amz-security-token",
            "x-amz-date",
            "x-amz-content-sha256",
            "openai-organization",
            "openai-project",
            "ocp-apim-subscription-key",
            "x-csrf-token",
            "x-forwarded-for",
            "x-forwarded-client-cert",
            "x-forwarded-access-token",
            "forwarded",
            "x-real-ip",
            "x-litellm-api-key",
            "helicone-auth",
            "x-portkey-api-key",
            "cf-access-jwt-assertion",
            "x-tenant",
            "x-org-a",
        ]
    )
} | {"x-tenant": "kept"}

FAILURES: dict[Trigger, Behaviour] = {
    Trigger.RATE_LIMITED: openai_error(429, "slow down"),
    Trigger.OVERLOADED: openai_error(529, "overloaded"),
    Trigger.TIMEOUT: Hang,
    Trigger.CONNECT_FAILURE: Reset,
    Trigger.SERVER_ERROR: openai_error(500, "broken"),
    Trigger.CONTEXT_EXCEEDED: openai_error(400, "prompt is too long: 9 tokens > 8 maximum"),
    Trigger.CONTENT_FILTER: openai_error(400, "no", "content_filter"),
}


@contextmanager
def three(api: Api, good: Answer, failure: Behaviour) -> Iterator[tuple[Gateway, list[Upstream]]]:
    """A chain a -> b -> c, in which a and b fail; a and c set constant headers of their own."""
    with ExitStack() as stack:
        found = [stack.enter_context(upstream(b)) for b in (failure, failure, good)]
        first, second, third = found
        providers = [
            provider("a", first, api, headers=(("X-Org-A", "org-of-a"), ("OpenAI-Project", "p-a"))),
            provider("b", second, api, key=None),
            provider("c", third, api, path="/other/v9", headers=(("x-org-c", "100%"),)),
        ]
        chained = model(
            "fast",
            "a/model-a",
            "b/model-b",
            "c/model-c",
            on=tuple(Trigger),
            api=api,
            attempt_timeout=timedelta(milliseconds=300),
        )
        yield stack.enter_context(gateway(plan(providers, [chained]))), found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("api", list(Api))
def test_each_provider_sees_its_own_credential_alone(api, trigger, stream):
    """Of client, a, b and c, a request at one of them holds the canaries of that one only."""
    with three(api, good(api, stream=stream), FAILURES[trigger]) as (running, found):
        answer = running.post(
            "/v1/chat/completions" if api is Api.OPENAI else "/v1/messages",
            {"model": "fast", "messages": [], "max_tokens": 5, "stream": stream},
            headers=CLIENT_HEADERS,
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-gatewright-target"] == "c/model-c"
        requests = [one.requests[0] for one in found]
        for name, request, provider_upstream in zip("abc", requests, found, strict=True):
            check(api, name, request, provider_upstream.port)
        assert requests[0].headers["x-org-a"] == "org-of-a"
        assert requests[2].headers["x-org-c"] == "100%"


def good(api: Api, *, stream: bool) -> Answer:
    if not stream:
        return chat() if api is Api.OPENAI else message()
    chunks = (
        sse(chat_chunk("hi"), chat_chunk(None, usage={"prompt_tokens": 1}))
        if api is Api.OPENAI
        else anthropic_stream()
    )
    return Answer(content_type="text/event-stream", chunks=chunks)


def check(api: Api, name: str, request: Recorded, port: int) -> None:
    """One attempt is wholly the provider's: credential, host, path, model, length."""
    seen = "\n".join(f"{header}: {value}" for header, value in request.headers.items())
    assert CLIENT not in seen
    assert "accept-encoding" not in request.headers
    for other in "abc":
        if other != name or other == "b":
            assert key_of(other) not in seen
        if other != name:
            assert f"x-org-{other}" not in request.headers
    if name != "b":  # which has no key at all
        if api is Api.OPENAI:
            assert request.headers["authorization"] == f"Bearer {key_of(name)}"
            assert "x-api-key" not in request.headers
        else:
            assert request.headers["x-api-key"] == key_of(name)
            assert "authorization" not in request.headers
    if api is Api.ANTHROPIC:
        assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["x-tenant"] == "kept"
    assert request.headers["host"] == f"127.0.0.1:{port}"
    suffix = "/chat/completions" if api is Api.OPENAI else "/messages"
    assert request.path == ("/other/v9" if name == "c" else "/v1") + suffix
    assert request.json["model"] == f"model-{name}"
    assert int(request.headers["content-length"]) == len(request.body)
    if name != "a":
        assert "openai-project" not in request.headers


def test_a_provider_s_account_does_not_show_in_answers():
    """Cookies, organisation and site-wide orders of a provider stay behind the gateway."""
    headers = (
        ("set-cookie", "__cf_bm=secret"),
        ("openai-organization", "org-secret"),
        ("anthropic-organization-id", "org-secret"),
        ("alt-svc", 'h3=":443"'),
        ("strict-transport-security", "max-age=1"),
        ("x-ratelimit-remaining-requests", "59"),
        ("request-id", "req_1"),
    )
    with upstream(Answer(body=chat().body, headers=headers)) as one:
        made = plan([provider("a", one)], [model("fast", "a/x")])
        with gateway(made) as running:
            answer = running.chat()
            assert not {name for name, _ in headers[:5]} & set(answer.headers)
            assert answer.headers["x-ratelimit-remaining-requests"] == "59"
            assert answer.headers["request-id"] == "req_1"


def test_a_client_s_query_string_is_not_passed_on():
    """A key in the query (`?key=`) does not reach the provider; Anthropic's `beta=true` does."""
    with upstream(message()) as one:
        smart = model("smart", "a/x", api=Api.ANTHROPIC)
        with gateway(plan([provider("a", one, Api.ANTHROPIC)], [smart])) as running:
            body = {"model": "smart", "max_tokens": 1, "messages": []}
            assert running.post(f"/v1/messages?beta=true&key={CLIENT}", body).status_code == 200
            assert running.post(f"/v1/messages?key={CLIENT}", body).status_code == 200
            assert [r.path for r in one.requests] == ["/v1/messages?beta=true", "/v1/messages"]


def test_no_key_shows_in_envoy_s_configuration_or_log():
    """`/config_dump` redacts the secrets, and no line of the log holds one."""
    with upstream() as one:
        made = plan([provider("a", one)], [model("fast", "a/x")])
        with gateway(made) as running:
            running.post(
                f"/v1/chat/completions?key={CLIENT}", {"model": "fast"}, headers=CLIENT_HEADERS
            )
            until(lambda: '"model":"fast"' in running.envoy.log, "no access log", running.envoy)
            assert key_of("a") not in running.envoy.get("/config_dump?include_eds")
            assert key_of("a") not in running.envoy.log
            assert CLIENT not in running.envoy.log


@pytest.mark.parametrize(
    ("version", "path"),
    [
        (
            "2024-10-21",
            "/base/openai/deployments/gpt%2Fown/chat/completions?api-version=2024-10-21",
        ),
        ("", "/base/openai/v1/chat/completions"),
    ],
)
def test_azure_has_its_own_paths_and_header(version, path):
    """A deployment in the path with a version, OpenAI's own paths without; the key is `api-key`."""
    with upstream() as one:
        azure = provider("a", one, path="/base", speech=Speech.AZURE, api_version=version)
        with gateway(plan([azure], [model("fast", "a/gpt/own")])) as running:
            assert running.chat().status_code == 200
            (request,) = one.requests
            assert request.path == path
            assert request.headers["api-key"] == key_of("a")
            assert "authorization" not in request.headers
            running.post("/v1/responses", {"model": "fast"})
            middle = "/openai/responses?api-version=" if version else "/openai/v1/responses"
            assert one.requests[1].path == f"/base{middle}{version}"


@pytest.mark.parametrize(
    ("speech", "header", "before"),
    [
        (Speech.OPENAI, "authorization", "Bearer "),
        (Speech.AZURE, "api-key", ""),
        (Speech.MISTRAL, "authorization", "Bearer "),
        (Speech.ANTHROPIC, "x-api-key", ""),
        (Speech.ANTHROPIC_VERTEX, "authorization", "Bearer "),
        (Speech.ANTHROPIC_BEDROCK, "authorization", "Bearer "),
        (Speech.GEMINI, "x-goog-api-key", ""),
        (Speech.GEMINI_VERTEX, "authorization", "Bearer "),
        (Speech.BEDROCK, "authorization", "Bearer "),
        (Speech.COHERE, "authorization", "Bearer "),
    ],
)
def test_each_provider_has_its_key_where_it_looks_for_it(speech, header, before):
    """By the reference pages of each API."""
    found = own_key(provider("a", 1, speech=speech))
    assert found is not None
    generic = unpack(unpack(found.typed_config).credential.typed_config)
    assert (generic.header, generic.header_value_prefix) == (header, before)
