"""The official SDK for Azure OpenAI, over both styles of URLs, against one simulator."""

from __future__ import annotations

import httpx
import openai
import pytest

from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.simulator.test_openai_sdk import QUESTION, ask, joined, tool

VERSION = "2024-10-21"


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("azure", "azure"),
        Provider("strict-azure", "azure", key="right", models=("only-this",)),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


def by_deployment(simulator, name="azure", key="any"):
    """The client that names the deployment in the path."""
    return openai.AzureOpenAI(
        azure_endpoint=simulator.url(name), api_key=key, api_version=VERSION, max_retries=0
    )


def by_version_one(simulator, name="azure", key="any"):
    """The client of `/openai/v1`, which has no versions in its URLs and sends keys as tokens."""
    return openai.OpenAI(base_url=f"{simulator.url(name)}/openai/v1", api_key=key, max_retries=0)


@pytest.fixture(params=[by_deployment, by_version_one])
def azure(request, simulator):
    with request.param(simulator) as client:
        yield client


def test_a_plain_answer_tells_what_the_filter_found(azure):
    """The model is the deployment that was named; prompt and choices have been looked at."""
    got = ask(azure, model="my-deployment")
    assert got.model == "my-deployment"
    assert "What is a gateway?" in got.choices[0].message.content
    assert got.model_extra["prompt_filter_results"][0]["prompt_index"] == 0
    found = got.choices[0].model_extra["content_filter_results"]
    assert found["hate"] == {"filtered": False, "severity": "safe"}


def test_a_stream_begins_with_a_chunk_without_choices(azure, simulator):
    """It holds the results for the prompt, and no id, as the service has it."""
    chunks = list(ask(azure, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices == []
    assert chunks[0].id == ""
    assert chunks[0].model_extra["prompt_filter_results"]
    assert chunks[0].usage is None
    assert joined(chunks).startswith("Simulated answer of azure")
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == chunks[-1].usage.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called(azure, stream):
    """As at OpenAI."""
    got = ask(azure, tools=[tool("sky")], stream=stream)
    if stream:
        deltas = [chunk.choices[0].delta for chunk in got if chunk.choices]
        names = [one.function.name for delta in deltas for one in delta.tool_calls or ()]
        assert names[0] == "sky"
    else:
        assert got.choices[0].message.tool_calls[0].function.name == "sky"


def test_other_operations(azure):
    """Embeddings and Responses."""
    assert len(azure.embeddings.create(model="e", input="x").data[0].embedding) == 1536
    assert azure.responses.create(model="d", input="hello").output_text


def test_the_filter_refuses_a_prompt(azure, simulator):
    """400 with the code, and what was found as an inner error."""
    simulator.set_scenario("azure", "content_filter")
    with pytest.raises(openai.BadRequestError) as caught:
        ask(azure)
    assert caught.value.code == "content_filter"
    inner = caught.value.body["innererror"]
    assert inner["code"] == "ResponsibleAIPolicyViolation"
    assert inner["content_filter_result"]["violence"]["filtered"]


def test_faults_are_azures(azure, simulator):
    """A limit with the time to wait, a break, an error inside a stream."""
    simulator.set_scenario("azure", ["429:retry_after=7", "cut:2", "error_in_band:2"])
    with pytest.raises(openai.RateLimitError) as caught:
        ask(azure)
    assert caught.value.code == "429"
    assert caught.value.response.headers["retry-after-ms"] == "7000"
    with pytest.raises(openai.APIConnectionError):
        list(ask(azure, stream=True))
    with pytest.raises(openai.APIError, match="had an error"):
        list(ask(azure, stream=True))


@pytest.mark.parametrize("make", [by_deployment, by_version_one])
def test_keys_and_deployments_are_checked(simulator, make):
    """401 and 404 in Azure's words; the right ones are served."""
    with pytest.raises(openai.AuthenticationError, match="invalid subscription key"):
        ask(make(simulator, "strict-azure", "wrong"), model="only-this")
    right = make(simulator, "strict-azure", "right")
    with pytest.raises(openai.NotFoundError) as caught:
        ask(right, model="another")
    assert caught.value.code == "DeploymentNotFound"
    assert ask(right, model="only-this").model == "only-this"


def test_a_deployment_is_not_served_without_a_version(simulator):
    """404, and 401 where there is no key at all."""
    url = f"{simulator.url('azure')}/openai/deployments/d/chat/completions"
    body = {"messages": QUESTION}
    assert httpx.post(url, json=body).status_code == 401
    got = httpx.post(url, json=body, headers={"api-key": "k"})
    assert (got.status_code, got.json()["error"]["code"]) == (404, "404")
    got = httpx.post(f"{url}?api-version={VERSION}", json=body, headers={"api-key": "k"})
    assert got.json()["model"] == "d"
