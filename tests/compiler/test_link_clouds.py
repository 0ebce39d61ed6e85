"""Providers in clouds and dialects: what is written fits together, and becomes a plan."""

from datetime import timedelta

import pytest

from compiler.plan_llm import Aws, AwsKeys, AwsSource, CoolDown, Google, Speech, Url
from policies.secret import SecretKind, SecretRef
from tests.compiler.stages import LISTENER, finding, plan_of
from xds.edge.pairs import Provider as Spoken

BEDROCK = "api: bedrock, aws: { region: us-east-1"
GOOGLE = "{ project: p, location: eu, credentials: env:S }"
URL = "url: 'https://llm.example/v1'"


def provider(text):
    return plan_of(f"providers: {{ p: {{ {text} }} }}").providers[0]


def fault(text, code=None):
    return finding(LISTENER, f"providers: {{ p: {{ {text} }} }}", code=code)


@pytest.mark.parametrize(
    ("text", "speech", "url"),
    [
        ("api: mistral", Speech.MISTRAL, Url("https", "api.mistral.ai", 443, "/v1")),
        ("api: cohere", Speech.COHERE, Url("https", "api.cohere.com", 443, "/v2")),
        (
            "api: gemini",
            Speech.GEMINI,
            Url("https", "generativelanguage.googleapis.com", 443, "/v1beta"),
        ),
        (
            "api: gemini, google: { project: p, location: europe-west4 }, key: env:T",
            Speech.GEMINI_VERTEX,
            Url("https", "europe-west4-aiplatform.googleapis.com", 443, "/v1"),
        ),
        (
            "api: anthropic, google: { project: p, location: global }, key: env:T",
            Speech.ANTHROPIC_VERTEX,
            Url("https", "aiplatform.googleapis.com", 443, "/v1"),
        ),
        (
            "api: anthropic, google: { project: p, location: eu }, key: env:T",
            Speech.ANTHROPIC_VERTEX,
            Url("https", "aiplatform.eu.rep.googleapis.com", 443, "/v1"),
        ),
        (
            "api: bedrock, aws: { region: eu-central-1, credentials: container }",
            Speech.BEDROCK,
            Url("https", "bedrock-runtime.eu-central-1.amazonaws.com", 443, ""),
        ),
        (
            "api: anthropic, aws: { region: cn-north-1, credentials: instance }",
            Speech.ANTHROPIC_BEDROCK,
            Url("https", "bedrock-runtime.cn-north-1.amazonaws.com.cn", 443, ""),
        ),
        (
            "api: azure, url: 'https://n.openai.azure.com/', key: env:K",
            Speech.AZURE,
            Url("https", "n.openai.azure.com", 443, ""),
        ),
        (
            "api: openai, dialect: ollama, url: 'http://127.0.0.1:11434/v1'",
            Speech.OLLAMA,
            Url("http", "127.0.0.1", 11434, "/v1"),
        ),
    ],
)
def test_where_an_api_begins(text, speech, url):
    """Each API is at the place of those who made it, unless a URL is written."""
    made = provider(text)
    assert (made.speech, made.url) == (speech, url)


def test_only_named_servers_are_mended():
    """A dialect is mended, and so is Mistral; what passes for OpenAI goes as it is."""
    assert provider(f"api: openai, dialect: compatible, {URL}").mends
    assert provider("api: mistral").mends
    assert not provider(f"api: openai, {URL}").mends


def test_aws_credentials():
    """Keys are secrets; whatever Envoy fetches is a word."""
    head = "api: bedrock, aws: { region: us-east-1"
    keys = "{ access_key: env:A, secret_key: file:s, session_token: env:T }"
    made = provider(f"{head}, credentials: {keys} }}")
    assert made.aws == Aws(
        "us-east-1",
        AwsKeys(
            SecretRef(SecretKind.GENERIC, ("env:A",)),
            SecretRef(SecretKind.GENERIC, ("file:s",)),
            SecretRef(SecretKind.GENERIC, ("env:T",)),
        ),
    )
    profile = provider(f"{head}, credentials: {{ profile: prod, file: /etc/aws }} }}").aws
    assert profile == Aws("us-east-1", source=AwsSource.PROFILE, file="/etc/aws", profile="prod")
    assert provider(f"{head}, credentials: environment }}").aws == Aws(
        "us-east-1", source=AwsSource.ENVIRONMENT
    )
    bearer = provider(f"{head} }}, key: env:BEDROCK")
    assert (bearer.aws, bearer.key) == (
        Aws("us-east-1"),
        SecretRef(SecretKind.GENERIC, ("env:BEDROCK",)),
    )


def test_google_credentials():
    """A service account becomes tokens, a key is one already."""
    text = "api: gemini, google: { project: p, location: eu, credentials: file:sa.json }"
    made = provider(text)
    assert made.google == Google("p", "eu")
    assert made.key == SecretRef(SecretKind.GOOGLE_TOKEN, ("file:sa.json",))
    ready = provider("api: gemini, google: { project: p, location: eu }, key: env:T")
    assert ready.key == SecretRef(SecretKind.GENERIC, ("env:T",))


def test_cool_down():
    """A time, or how often and how long."""
    assert provider("api: openai, cool_down: 10s").cool_down == CoolDown(5, timedelta(seconds=10))
    whole = provider("api: openai, cool_down: { after: 2, for: 1m }").cool_down
    assert whole == CoolDown(2, timedelta(minutes=1))
    assert provider("api: openai").cool_down is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("api: openai, aws: { region: us-east-1 }", "aws"),
        ("api: mistral, google: { project: p, location: eu }", "google"),
        (f"api: anthropic, dialect: vllm, {URL}", "dialect"),
        ("api: openai, api_version: 2024-10-21", "api_version"),
    ],
)
def test_what_is_of_another_api(text, at):
    """A key that the API has no use for is told with both places."""
    said = fault(text)
    assert said.code == "setting-of-other-api"
    assert said.message.startswith(f"`{at}` is of providers with `api:`")
    assert said.labels[0][1] == "this API"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("api: azure, key: env:K", "provider-without-url"),
        ("api: openai, dialect: vllm", "provider-without-url"),
        ("api: bedrock, key: env:K", "bedrock-without-aws"),
        ("api: bedrock, aws: { region: us-east-1 }", "credentials-missing"),
        ("api: gemini, google: { project: p, location: eu }", "credentials-missing"),
        (
            "api: bedrock, aws: { region: us-east-1, credentials: container }, key: env:K",
            "two-credentials",
        ),
        (
            f"{BEDROCK}, credentials: {{ profile: p, source: container }} }}",
            "two-credentials",
        ),
        (
            "api: bedrock, aws: { region: us-east-1, credentials: { access_key: env:A } }",
            "incomplete-credentials",
        ),
        ("api: bedrock, aws: { region: us-east-1, credentials: {} }", "incomplete-credentials"),
        (
            "api: bedrock, aws: { region: us-east-1, credentials: profile }",
            "incomplete-credentials",
        ),
        (
            f"{BEDROCK.replace('bedrock', 'anthropic')} }}, key: env:K, google: {GOOGLE}",
            "two-clouds",
        ),
        ("api: gemini, google: { location: eu }", "missing-key"),
        ("api: gemini, google: { project: p, credentials: env:S }", "missing-key"),
        ("api: bedrock, aws: { region: Frankfurt, credentials: container }", "bad-form"),
        (
            f"{BEDROCK}, credentials: {{ access_key: AKIA, secret_key: env:S }} }}",
            "inline-secret",
        ),
        ("api: azure, url: 'https://n.openai.azure.com/openai/v1'", "url-of-operation"),
        ("api: cohere, url: 'https://api.cohere.com/v2/chat'", "url-of-operation"),
        ("api: openai, headers: { X-Amz-Security-Token: abc }", "inline-secret"),
    ],
)
def test_faults(text, code):
    """Each thing that cannot be has its code."""
    assert fault(text, code=code).severity == "error"


@pytest.mark.parametrize(
    "text",
    [
        "api: bedrock, aws: { region: us-east-1, credentials: container }",
        "api: gemini, google: { project: p, location: eu, credentials: env:S }",
        "api: azure, key: env:K",
    ],
)
def test_clear_text(text):
    """Credentials of every kind are warned of where the wire is not ours."""
    said = fault(f"{text}, url: 'http://llm.example/x'", code="clear-text-key")
    assert said.severity == "warning"


def test_an_official_host_without_its_version():
    """Each official host has the path at which its API begins."""
    said = fault("api: gemini, url: 'https://generativelanguage.googleapis.com'")
    assert said.code == "url-without-version"
    assert "begins at `/v1beta`" in said.message


def test_a_speech_for_each_provider_of_the_table():
    """The plan's words are the table's."""
    assert Speech is Spoken
