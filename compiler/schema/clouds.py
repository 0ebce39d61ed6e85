"""Providers in somebody's cloud: where there, and as whom."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, Strict

from compiler.plan_llm import AwsSource
from policies.document import Document, Maybe, Unfold
from policies.values import SecretSource

_SOURCES = [source.value for source in AwsSource if source is not AwsSource.PROFILE]


class AwsCredentialsDocument(Document):
    """Who signs: keys, a profile, or what the Envoy's machine gives it. A text is its `source`."""

    access_key: Maybe[SecretSource] = None
    """Where the id of an access key lies; `secret_key` belongs to it."""
    secret_key: Maybe[SecretSource] = None
    """Where its secret lies."""
    session_token: Maybe[SecretSource] = None
    """Where its session token lies, for keys that are good for a while."""
    profile: Maybe[Annotated[str, Field(min_length=1, max_length=128, examples=["prod"])]] = None
    """Or a profile of the credentials file on the Envoy's machine; `default` where only `file` is
    written."""
    file: Maybe[
        Annotated[str, Field(min_length=1, max_length=1024, examples=["/etc/envoy/aws"])]
    ] = None
    """That file, where it is not the usual one."""
    source: Maybe[Annotated[AwsSource, Strict(strict=False)]] = None
    """Or who tells Envoy: `container` (ECS, EKS), `instance` (EC2) or its `environment`."""


def _unfold(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


class AwsDocument(Document):
    """A provider on AWS Bedrock."""

    region: Annotated[
        str, Field(pattern=r"^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$", examples=["eu-central-1"])
    ]
    """The region that is asked, such as `eu-central-1`."""
    credentials: Maybe[
        Annotated[AwsCredentialsDocument, Unfold(_unfold, {"type": "string", "enum": _SOURCES})]
    ] = None
    """Who signs requests; a provider with a `key` (a Bedrock API key) has none."""


class GoogleDocument(Document):
    """A provider on Google's Vertex AI."""

    project: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]{0,127}$", examples=["my-project"])]
    """The project that pays."""
    location: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$", examples=["europe-west4", "global"])
    ]
    """The location that is asked: a region, `eu`, `us` or `global`."""
    credentials: Maybe[SecretSource] = None
    """Where the JSON key of a service account lies: access tokens are made from it, and renewed in
    time. A provider with a `key` (a token that is ready) has none."""
