"""Providers in clouds, and dialects: what is written fits the API, and one thing signs."""

from __future__ import annotations

from typing import Final

from compiler.linking.findings import Findings
from compiler.schema.clouds import AwsCredentialsDocument
from compiler.schema.providers import ProviderApi, ProviderDocument
from compiler.source import Path

_FOR: Final = {
    "dialect": (ProviderApi.OPENAI,),
    "api_version": (ProviderApi.AZURE,),
    "aws": (ProviderApi.BEDROCK, ProviderApi.ANTHROPIC),
    "google": (ProviderApi.GEMINI, ProviderApi.ANTHROPIC),
}
"""The APIs that a key of a provider is for."""


def check_cloud(name: str, provider: ProviderDocument, path: Path, findings: Findings) -> None:
    """Check what a provider says of its cloud, its dialect and its version."""
    for key, apis in _FOR.items():
        if getattr(provider, key) is not None and provider.api not in apis:
            words = " and ".join(f"`{api}`" for api in apis)
            findings.error(
                "setting-of-other-api",
                f"`{key}` is of providers with `api:` {words}, and `{name}` speaks "
                f"`{provider.api}`",
                (*path, key),
                labels=[((*path, "api"), "this API")],
                hint=f"remove `{key}`, or write the API that it is for",
            )
    if provider.aws is not None and provider.google is not None:
        findings.error(
            "two-clouds",
            f"provider `{name}` would be at AWS and at Google",
            (*path, "google"),
            "and here",
            labels=[((*path, "aws"), "here")],
            hint="make two providers of it",
        )
    elif provider.api is ProviderApi.BEDROCK and provider.aws is None:
        findings.error(
            "bedrock-without-aws",
            f"provider `{name}` is at AWS, and does not say where",
            (*path, "api"),
            hint="add `aws: { region: eu-central-1, credentials: container }`",
        )
    _check_url(name, provider, path, findings)
    _check_who(name, provider, path, findings)
    if provider.aws is not None and provider.aws.credentials is not None:
        _check_aws(provider.aws.credentials, (*path, "aws", "credentials"), findings)


def holds_credentials(provider: ProviderDocument) -> Path | None:
    """Where a provider's credentials stand, below it; None where it has none."""
    if provider.key is not None:
        return ("key",)
    if provider.aws is not None and provider.aws.credentials is not None:
        return ("aws", "credentials")
    if provider.google is not None and provider.google.credentials is not None:
        return ("google", "credentials")
    return None


def _check_url(name: str, provider: ProviderDocument, path: Path, findings: Findings) -> None:
    if provider.url is not None:
        return
    if provider.api is ProviderApi.AZURE:
        findings.error(
            "provider-without-url",
            f"provider `{name}` is a resource of Azure's, and does not say which",
            (*path, "api"),
            hint="add `url: https://NAME.openai.azure.com`",
        )
    elif provider.api is ProviderApi.OPENAI and provider.dialect is not None:
        findings.error(
            "provider-without-url",
            f"provider `{name}` is a server of {provider.dialect}'s kind, and does not say where",
            (*path, "dialect"),
            hint="add `url: http://HOST:PORT/v1`",
        )


def _check_who(name: str, provider: ProviderDocument, path: Path, findings: Findings) -> None:
    """Have one thing authenticate a provider in a cloud, and something at the real one."""
    cloud = next((key for key in ("aws", "google") if getattr(provider, key) is not None), None)
    if cloud is None or provider.api not in _FOR[cloud]:
        return
    credentials = getattr(provider, cloud).credentials is not None
    if credentials and provider.key is not None:
        findings.error(
            "two-credentials",
            f"provider `{name}` has a key and credentials: one of them would never be used",
            (*path, cloud, "credentials"),
            "and these",
            labels=[((*path, "key"), "this key")],
            hint="keep one of them",
        )
    elif not credentials and provider.key is None and provider.url is None:
        what = (
            "a Bedrock API key as `key`, or `credentials: container`"
            if cloud == "aws"
            else "`credentials: file:service-account.json`, or an access token as `key`"
        )
        findings.error(
            "credentials-missing",
            f"provider `{name}` has nothing by which {'AWS' if cloud == 'aws' else 'Google'} "
            "could tell who asks",
            (*path, cloud),
            hint=f"write {what}",
        )


def _check_aws(written: AwsCredentialsDocument, path: Path, findings: Findings) -> None:
    ways = {
        "keys": ("access_key", "secret_key", "session_token"),
        "profile": ("profile", "file"),
        "source": ("source",),
    }
    used = {
        way: first
        for way, keys in ways.items()
        if (first := next((key for key in keys if getattr(written, key) is not None), None))
    }
    if not used:
        findings.error(
            "incomplete-credentials",
            "these credentials are empty",
            path,
            hint="write `container`, `instance` or `environment`, a `profile`, or an "
            "`access_key` with its `secret_key`",
        )
    elif len(used) > 1:
        one, other, *_ = used.values()
        findings.error(
            "two-credentials",
            f"`{one}` and `{other}` are two ways to sign",
            (*path, other),
            "and this",
            labels=[((*path, one), "this")],
            hint="keep one of them",
        )
    elif "keys" in used and (written.access_key is None or written.secret_key is None):
        lacking = "access_key" if written.access_key is None else "secret_key"
        findings.error(
            "incomplete-credentials",
            f"these keys lack their `{lacking}`",
            (*path, used["keys"]),
            hint=f"add `{lacking}: env:NAME`",
        )
    elif written.source == "profile":
        findings.error(
            "incomplete-credentials",
            "this does not say which profile",
            (*path, "source"),
            hint="write `credentials: { profile: NAME }`",
        )
