"""Refusals as the official SDKs read them, and lists as Envoy itself would write them."""

from __future__ import annotations

import anthropic
import httpx2 as httpx
import msgspec
import openai
import pytest

from compiler.lower.llm import models_list as native
from compiler.lower.llm.errors import ApiError, error_body
from compiler.plan_llm import Api
from ext_authz.admission import refusal
from ext_authz.admission.models_list import models_list
from ext_authz.admission.refusal import Refusal, body_of, headers_of, over

REFUSALS = {
    401: refusal.BAD_KEY,
    403: refusal.NOT_THIS_ROUTE,
    404: refusal.no_such_model("gpt-9"),
    429: over("tenant `acme`", "20 requests/minute", budget=False, retry_ms=12_000),
    503: refusal.NOT_COUNTED,
}
OPENAI = {
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    503: openai.InternalServerError,
}
ANTHROPIC = {
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
    503: anthropic.InternalServerError,
}
ASK = {"model": "x", "messages": [{"role": "user", "content": "Hello"}]}


def answering(why: Refusal, api: str, asked: list[httpx.Request]) -> httpx.Client:
    content_type, body = body_of(why, api)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        headers = {"content-type": content_type, **dict(headers_of(why))}
        return httpx.Response(why.status, content=body, headers=headers)

    return httpx.Client(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("status", REFUSALS)
def test_openais_sdk_raises_what_it_would(status):
    """With the message and the code."""
    why = REFUSALS[status]
    client = openai.OpenAI(
        api_key="x", base_url="http://x", max_retries=0, http_client=answering(why, "openai", [])
    )
    with pytest.raises(OPENAI[status]) as raised:
        client.chat.completions.create(**ASK)
    assert raised.value.code == why.code
    assert raised.value.body["message"] == why.message
    assert raised.value.param == why.param


@pytest.mark.parametrize("status", REFUSALS)
def test_anthropics_sdk_raises_what_it_would(status):
    """With the message."""
    why = REFUSALS[status]
    client = anthropic.Anthropic(
        api_key="x", base_url="http://x", max_retries=0, http_client=answering(why, "anthropic", [])
    )
    with pytest.raises(ANTHROPIC[status]) as raised:
        client.messages.create(**ASK, max_tokens=9)
    assert raised.value.body["error"]["message"] == why.message


@pytest.mark.parametrize(("budget", "retry_ms"), [(True, 1_000), (False, 3_600_000), (False, 0)])
def test_no_sdk_tries_again_where_waiting_is_of_no_use(budget, retry_ms):
    """A budget, a long time, and what never fits."""
    why = over("tenant `acme`", "x", budget=budget, retry_ms=retry_ms)
    for api in ("openai", "anthropic"):
        asked: list[httpx.Request] = []
        http = answering(why, api, asked)
        if api == "openai":
            one = openai.OpenAI(api_key="x", base_url="http://x", http_client=http)
            with pytest.raises(openai.RateLimitError):
                one.chat.completions.create(**ASK)
        else:
            other = anthropic.Anthropic(api_key="x", base_url="http://x", http_client=http)
            with pytest.raises(anthropic.RateLimitError):
                other.messages.create(**ASK, max_tokens=9)
        assert len(asked) == 1


@pytest.mark.parametrize("api", list(Api))
@pytest.mark.parametrize("status", REFUSALS)
def test_the_edge_and_envoy_write_one_schema(api, status):
    """But for the kind of a model that is not there, which OpenAI's own servers call that, too."""
    why = REFUSALS[status]
    _, body = body_of(why, api.value)
    same = error_body(api, ApiError(why.status, why.message, why.code, why.param))
    assert msgspec.json.decode(body) == same


def test_all_other_clients_get_problem_details():
    """RFC 9457."""
    content_type, body = body_of(REFUSALS[403], "")
    assert content_type == "application/problem+json"
    assert msgspec.json.decode(body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "You may not come here",
        "code": "forbidden",
    }


@pytest.mark.parametrize(
    ("retry_ms", "said"),
    [(1, "1 s"), (119_001, "2 min"), (7_199_001, "2 h"), (90_000, "90 s"), (86_400_000, "24 h")],
)
def test_a_wait_is_told_in_words_and_never_too_short(retry_ms, said):
    """Rounded up."""
    assert over("x", "y", budget=False, retry_ms=retry_ms).message.endswith(f"again in {said}")


@pytest.mark.parametrize("api", list(Api))
@pytest.mark.parametrize("names", [(), ("fast",), ("fast", "gpt-4o/mini")])
def test_the_edge_and_envoy_list_models_alike(api, names):
    """The same members, whoever answers."""
    listed = tuple(native.Listed(name, name) for name in names)
    assert msgspec.json.decode(models_list(api.value, list(names))) == native.all_of(api, listed)
