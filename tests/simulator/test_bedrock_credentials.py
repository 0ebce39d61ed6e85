"""Bedrock's credentials: signatures by the AWS SDK, and API keys."""

from __future__ import annotations

import httpx
import pytest

from simulator.config import AwsKeys, Config, Provider
from simulator.running import start_in_thread
from tests.simulator.bedrock_client import KEYS, QUESTION, ask, client, refusal


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("bedrock", "bedrock", aws=KEYS),
        Provider("session", "bedrock", aws=AwsKeys("AKID", "s", session_token="token")),
        Provider("bearer", "bedrock", key="api-key"),
        Provider("any", "bedrock"),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


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
