"""What is served below a route's prefix, and how all else is refused: in the client's words."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import anthropic
import httpx
import openai
import pytest

from compiler.plan_llm import Api
from compiler.plan_policies import Applied
from policies import body_limit
from tests.e2e.llm_gateway import AT, Gateway, gateway, model, plan, provider, serve
from tests.e2e.llm_upstream import Answer, Reset, Upstream, chat, message, upstream

VERSION = {"anthropic-version": "2023-06-01"}
LIMIT = 200_000


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[Upstream, Upstream]]:
    with upstream() as one, upstream(message()) as two:
        yield one, two


@pytest.fixture(scope="module")
def running(upstreams) -> Iterator[Gateway]:
    one, two = upstreams
    models = [
        model("fast", "a/gpt-x", aliases=("quick", "org/odd:name v1")),
        model("other", "a/gpt-y"),
        model("smart", "b/claude-x", api=Api.ANTHROPIC),
    ]
    limit = Applied("body_limit", body_limit.BodyLimit(LIMIT), AT)
    routes = [
        serve(models[0], models[2], policies=(limit,)),
        serve(models[1], name="deep", prefix="/deep/chat", policies=(limit,)),
        serve(models[1], name="odd", prefix="/a%20b", policies=(limit,)),
    ]
    providers = [provider("a", one), provider("b", two, Api.ANTHROPIC)]
    with gateway(plan(providers, models, routes)) as found:
        yield found


def refused(answer: httpx.Response, status: int) -> dict[str, object]:
    """Check status and content type of an error; give its inner object."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/embeddings"])
def test_openai_operations_go_to_the_provider_s_own_path(running, upstreams, path):
    """Each operation keeps its suffix behind the provider's own URL."""
    assert running.post(f"/v1{path}", {"model": "fast"}).status_code == 200
    assert upstreams[0].requests[-1].path == f"/v1{path}"
    assert upstreams[0].requests[-1].json == {"model": "gpt-x"}


def test_a_prefix_may_end_like_an_operation(running, upstreams):
    """Below /deep/chat, /deep/chat/completions is the legacy operation, not chat."""
    assert running.post("/deep/chat/completions", {"model": "other"}).status_code == 200
    assert upstreams[0].requests[-1].path == "/v1/completions"
    assert running.post("/deep/chat/chat/completions", {"model": "other"}).status_code == 200
    assert upstreams[0].requests[-1].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ],
)
def test_json_may_be_called_so_in_many_ways(running, content_type):
    """Parameters and case of the content type do not matter."""
    body = b'{"model":"fast"}'
    answer = running.client.post(
        "/v1/chat/completions", content=body, headers={"content-type": content_type}
    )
    assert answer.status_code == 200


def test_of_two_models_the_last_one_counts(running, upstreams):
    """Parsers do not agree on which one counts, so the provider is shown one name only."""
    body = b'{"model":"nope","mod\\u0065l":"quick","x":{"model":"nope"}}'
    assert running.post("/v1/chat/completions", body).status_code == 200
    assert upstreams[0].requests[-1].body == (
        b'{"model":"gpt-x","mod\\u0065l":"gpt-x","x":{"model":"nope"}}'
    )
    body = b'{"model":"fast","model":"nope"}'
    assert running.post("/v1/chat/completions", body).status_code == 404


@pytest.mark.parametrize("name", ["quick", "org/odd:name v1"])
def test_an_alias_is_another_name_of_the_model(running, upstreams, name):
    """The provider is asked for its own model whatever name the client used."""
    assert running.chat(name).status_code == 200
    assert upstreams[0].requests[-1].json["model"] == "gpt-x"


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"model": "nope"}, 404, "model_not_found", "`nope`"),
        ({"model": 'a"b\\%'}, 404, "model_not_found", '`a"b\\%`'),
        ({"model": "a\nb"}, 404, "model_not_found", "`a\nb`"),
        ({"model": "\n"}, 404, "model_not_found", "`\n`"),
        ({"model": "m" * 5000}, 404, "model_not_found", "`" + "m" * 5000 + "`"),
        ({"model": "other"}, 404, "model_not_found", "`other`"),  # another route's
        ({}, 400, None, "model"),
        ({"model": None}, 400, None, "model"),
        ({"model": 5}, 400, None, "string"),
        ({"model": {"model": "fast"}}, 400, None, "model"),
        ({"model": ""}, 400, None, "string"),
        ([{"model": "fast"}], 400, None, "model"),
        (b'{"model":"fast"', 400, None, "JSON"),
        (b'{"model":"fast"} x', 400, None, "JSON"),
        (b"", 400, None, ""),
        (b'{"model":"fast","seed":9223372036854775808}', 400, None, "JSON"),
        ({"model": "m" * 9000}, 400, None, "model"),
        ({"model": "smart"}, 400, "wrong_endpoint", "/v1/messages"),
        ({"model": "fast", "x": "y" * LIMIT}, 413, "request_too_large", "large"),
    ],
)
def test_openai_clients_are_refused_in_openai_s_schema(running, body, status, code, words):
    """Status, type and code are those that OpenAI's own API gives for the same fault."""
    error = refused(running.post("/v1/chat/completions", body), status)
    assert error["type"] == "invalid_request_error"
    assert error["code"] == code
    assert words in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ({"model": "nope"}, 404, "not_found_error", "`nope`"),
        ({}, 400, "invalid_request_error", "model"),
        (b"{", 400, "invalid_request_error", "JSON"),
        ({"model": "fast"}, 400, "invalid_request_error", "/v1/chat/completions"),
        ({"model": "smart", "x": "y" * LIMIT}, 413, "request_too_large", "large"),
    ],
)
def test_anthropic_clients_are_refused_in_anthropic_s_schema(running, body, status, kind, words):
    """The same faults in Anthropic's words."""
    answer = running.post("/v1/messages", body, headers=VERSION)
    error = refused(answer, status)
    assert answer.json()["type"] == "error"
    assert error["type"] == kind
    assert words in error["message"]


def test_an_upgrade_is_refused_with_words(running):
    """What Envoy has no text for, such as a WebSocket, still gets a message that says why."""
    headers = {"connection": "upgrade", "upgrade": "websocket"}
    for path, more, member, told in (
        ("/v1/chat/completions", {}, "code", "no_upgrade"),
        ("/v1/messages", VERSION, "type", "permission_error"),
    ):
        answer = running.post(path, {"model": "fast"}, headers={**headers, **more})
        error = refused(answer, 403)
        assert "upgrade" in error["message"]
        assert error[member] == told


def test_a_percent_sign_in_the_prefix_is_no_operator_of_envoy_s(running):
    """Refusals name paths in texts that Envoy formats, where `%` begins a command."""
    error = refused(running.post("/a%20b/messages", {"model": "other"}, headers=VERSION), 400)
    assert "/a%20b/chat/completions" in error["message"]
    error = refused(running.post("/a%20b/nowhere", {"model": "other"}), 404)
    assert "/a%20b/models" in error["message"]


def test_a_body_that_is_not_called_json_is_refused(running):
    """A wrong or missing content type is 415: nothing is guessed."""
    for headers in ({"content-type": "text/plain"}, {"content-type": "application/jsonx"}, {}):
        answer = running.client.post(
            "/v1/chat/completions", content=b'{"model":"fast"}', headers=headers
        )
        assert "application/json" in refused(answer, 415)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/messages", 405),
        ("POST", "/v1/models", 405),
        ("DELETE", "/v1/models/fast", 405),
        ("POST", "/v1/batches", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/models/nope", 404),
        ("POST", "/v1/chat/completions/x", 404),
    ],
)
@pytest.mark.parametrize("api", list(Api))
def test_other_paths_and_methods_are_refused_in_the_client_s_schema(
    running, method, path, status, api
):
    """Where the path does not tell the API, `anthropic-version` does."""
    headers = VERSION if api is Api.ANTHROPIC else {}
    answer = running.client.request(method, path, headers=headers)
    error = refused(answer, status)
    if status == 405:
        assert answer.headers["allow"] in {"GET", "POST"}
    if api is Api.OPENAI and not path.startswith("/v1/messages"):
        assert error["type"] == "invalid_request_error"
    elif path == "/v1/responses":
        assert error["type"] == "not_found_error"


def test_the_official_sdks_list_the_route_s_models(running):
    """Both SDKs parse the list and each of its models, aliases included."""
    names = ["fast", "org/odd:name v1", "quick", "smart"]
    base = str(running.client.base_url).rstrip("/")
    with openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0) as client:
        assert [one.id for one in client.models.list()] == names
        assert client.models.retrieve("org/odd:name v1").id == "org/odd:name v1"
        with pytest.raises(openai.NotFoundError) as missing:
            client.models.retrieve("nope")
        assert missing.value.code == "model_not_found"
    with anthropic.Anthropic(base_url=base, api_key="x", max_retries=0) as client:
        assert [one.id for one in client.models.list()] == names
        assert client.models.retrieve("smart").display_name == "smart"
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("nope")
    assert [one["id"] for one in running.client.get("/deep/chat/models").json()["data"]] == [
        "other"
    ]


def test_the_official_sdks_raise_what_they_would_raise(running):
    """An unknown model is NotFoundError in both SDKs, a large body RequestTooLarge in one."""
    base = str(running.client.base_url).rstrip("/")
    with openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="nope", messages=[])
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with anthropic.Anthropic(base_url=base, api_key="x", max_retries=0) as client:
        with pytest.raises(anthropic.NotFoundError) as missing:
            client.messages.create(model="nope", max_tokens=1, messages=[])
        assert missing.value.body["error"]["type"] == "not_found_error"
        with pytest.raises(anthropic.BadRequestError, match="/v1/chat/completions"):
            client.messages.create(model="fast", max_tokens=1, messages=[])


def test_routes_that_serve_no_models_keep_plain_answers(running):
    """A 404 outside of the LLM routes is Envoy's own, without a body in anybody's schema."""
    assert running.client.get("/plain").text == "plain"
    answer = running.client.get("/elsewhere")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("api", list(Api))
def test_an_unreachable_provider_is_told_in_the_client_s_schema(api):
    """Refused and broken connections are 503 with a body that the client's SDK can read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    with upstream(Reset) as broken:
        models = [model("refused", "a/x", api=api), model("broken", "b/x", api=api)]
        providers = [provider("a", closed, api), provider("b", broken, api)]
        with gateway(plan(providers, models)) as found:
            for name in ("refused", "broken"):
                answer = found.chat(name) if api is Api.OPENAI else found.messages(name)
                error = refused(answer, 503)
                assert error["type"] == (
                    "server_error" if api is Api.OPENAI else "overloaded_error"
                )


def test_what_a_provider_answers_is_never_rewritten(running, upstreams):
    """Even an error page of a provider reaches the client as it was sent."""
    page = Answer(502, b"<html>bad gateway</html>", "text/html", headers=(("x-own", "1"),))
    upstreams[0].answer(page)
    try:
        answer = running.chat("fast")
    finally:
        upstreams[0].answer(chat())
    assert (answer.status_code, answer.content) == (502, page.body)
    assert (answer.headers["content-type"], answer.headers["x-own"]) == ("text/html", "1")
