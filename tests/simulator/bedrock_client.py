"""The AWS SDK as a client of a simulated Bedrock."""

from __future__ import annotations

import boto3  # type: ignore[import-untyped]  # boto3 has no types
import pytest
from botocore.config import Config as BotoConfig  # type: ignore[import-untyped]  # as above
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # as above

from simulator.config import AwsKeys

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI", region="us-east-1")


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


QUESTION = user({"text": "What is a gateway?"})


def client(simulator, name="bedrock", access=KEYS.access_key, secret=KEYS.secret_key, **more):
    return boto3.client(
        "bedrock-runtime",
        region_name=more.pop("region", "us-east-1"),
        endpoint_url=simulator.url(name),
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=BotoConfig(retries={"max_attempts": 0}),
        **more,
    )


def ask(made, **members):
    return made.converse(**{"modelId": "us.amazon.nova-pro-v1:0", "messages": [QUESTION]} | members)


def refusal(call, *args, **members):
    with pytest.raises(ClientError) as caught:
        call(*args, **members)
    return caught.value.response["Error"]
