"""Envoy signs for AWS what the edge has made of a request, and never sends it without a signature.

Signatures are held to botocore's own, over what has arrived at the provider.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from compiler.plan_accounts import Edge
from compiler.plan_llm import Aws, AwsSource, Endpoint, Speech
from tests.e2e.envoy_process import validate
from tests.e2e.llm_gateway import bootstrap, gateway, model, plan, provider
from tests.e2e.llm_upstream import Recorded, chat, upstream
from tests.e2e.recording_processor import Attempt, Change, processor

ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2"
ACCESS, SECRET, TOKEN = "AKIDEXAMPLE", "canary-secret", "canary/session+token="
PATH = f"/model/{quote(ARN, safe='')}/converse"


def made(seen: Attempt) -> Change:
    """The request of Converse, at a path with an ARN in it."""
    return Change(
        {":path": PATH, ":authority": "bedrock-runtime.eu-west-1.amazonaws.com"},
        json.dumps({"messages": [], "was": len(seen.body)}).encode(),
    )


@contextmanager
def signing(folder: Path, profile: str = "gateway", **environment: str) -> Iterator[Any]:
    """A gateway in front of Bedrock, whose Envoy signs with what a profile's file says."""
    file = folder / "credentials"
    file.write_text(
        f"[gateway]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
        f"aws_session_token = {TOKEN}\n"
    )
    source = AwsSource.ENVIRONMENT if environment else AwsSource.PROFILE
    aws = Aws("eu-west-1", source=source, file=str(file), profile=profile)
    with (
        upstream() as bedrock,
        processor(folder, made, lambda _seen: Change({}, chat().body)) as edge,
    ):
        one = provider("aws", bedrock, speech=Speech.BEDROCK, path="", key=None, aws=aws)
        fast = replace(model("fast", f"aws/{ARN}"), endpoints=(Endpoint.CHAT_COMPLETIONS,))
        planned = replace(plan([one], [fast]), edge=Edge(folder=str(folder), workers=1))
        with gateway(planned, environment=environment) as running:
            yield running, bedrock, edge


def expected(request: Recorded) -> str:
    """What botocore makes of the same request at the same time, over the same headers."""
    signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    headers = {
        name: request.headers[name]
        for name in signed.split(";")
        if name not in ("host", "x-amz-date", "x-amz-security-token")
    }
    url = f"https://{request.headers['host']}{request.path}"
    asked = AWSRequest("POST", url, headers=headers, data=request.body)
    auth = SigV4Auth(Credentials(ACCESS, SECRET, TOKEN), "bedrock", "eu-west-1")
    at = request.headers["x-amz-date"]
    asked.context["timestamp"] = at
    asked.headers["X-Amz-Date"] = at
    asked.headers["X-Amz-Security-Token"] = TOKEN
    canonical = auth.canonical_request(asked)
    return str(auth.signature(auth.string_to_sign(asked, canonical), asked))


def test_the_signature_is_botocore_s(tmp_path):
    """Over path, host and body as the edge has made them, with a session's token."""
    with signing(tmp_path) as (running, bedrock, edge):
        assert running.chat().status_code == 200
        (request,) = bedrock.requests
        assert request.path == PATH
        assert request.headers["x-amz-security-token"] == TOKEN
        assert request.headers["x-amz-content-sha256"] == hashlib.sha256(request.body).hexdigest()
        assert f"Credential={ACCESS}/" in request.headers["authorization"]
        at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        assert abs((datetime.now(UTC) - at).total_seconds()) < 60
        found = request.headers["authorization"].partition("Signature=")[2]
        assert found == expected(request)
        (seen,) = edge.attempts
        assert SECRET not in str(seen)
        assert SECRET not in running.envoy.log


@pytest.mark.slow
def test_the_environment_of_envoy_is_another_source(tmp_path):
    """What Envoy was started with is what it signs with."""
    keys = {
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
    }
    with signing(tmp_path, **keys) as (running, bedrock, _):
        assert running.chat().status_code == 200
        (request,) = bedrock.requests
        found = request.headers["authorization"].partition("Signature=")[2]
        assert found == expected(request)


@pytest.mark.slow
@pytest.mark.parametrize("source", [AwsSource.CONTAINER, AwsSource.INSTANCE])
def test_envoy_takes_the_other_sources(tmp_path, source):
    """Their credentials are those of machines that tests have not got."""
    one = provider("aws", 1, speech=Speech.BEDROCK, key=None, aws=Aws("eu-west-1", source=source))
    fast = replace(model("fast", f"aws/{ARN}"), endpoints=(Endpoint.CHAT_COMPLETIONS,))
    validate(bootstrap(replace(plan([one], [fast]), edge=Edge(folder=str(tmp_path)))))


def test_without_credentials_nothing_is_sent(tmp_path):
    """503 in the client's schema, and the provider is not asked."""
    with signing(tmp_path, profile="nobody") as (running, bedrock, _):
        answer = running.chat()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "no_provider_key"
        assert bedrock.requests == []
