"""Providers of the plan: what is spoken, where, and who is asked for a credential."""

from __future__ import annotations

from compiler.linking.linked import Linked
from compiler.plan_llm import Aws, AwsKeys, AwsSource, CoolDown, Google, Provider, Speech
from compiler.planning_limits import plan_limits
from compiler.planning_policies import plan_policies
from compiler.schema.clouds import AwsDocument
from compiler.schema.providers import ProviderDocument
from compiler.source import Path
from compiler.speech import speech_of, url_of
from policies.base import Place
from policies.secret import SecretKind, SecretRef


def plan_providers(linked: Linked) -> tuple[Provider, ...]:
    """Plan all providers, sorted by name."""
    return tuple(
        _provider(name, document, linked)
        for name, document in sorted(linked.document.providers.items())
    )


def _provider(name: str, document: ProviderDocument, linked: Linked) -> Provider:
    path: Path = ("providers", name)
    speech = speech_of(document)
    headers = sorted((header.lower(), value) for header, value in document.headers.items())
    google = document.google
    written = document.cool_down
    return Provider(
        name=name,
        speech=speech,
        url=url_of(document),
        key=_key(document),
        trust=document.trust,
        headers=tuple(headers),
        connect_timeout=document.connect_timeout or linked.document.defaults.connect_timeout,
        policies=plan_policies(document, Place.PROVIDER, path, linked),
        at=linked.locate(path),
        limits=plan_limits(
            document.limits,
            document.budget,
            path,
            f"provider/{name}",
            f"provider `{name}`",
            linked,
        ),
        # Mistral refuses members that OpenAI's clients send and that Envoy's own filters add.
        mends=document.dialect is not None or speech is Speech.MISTRAL,
        aws=None if document.aws is None else _aws(document.aws),
        google=None if google is None else Google(google.project, google.location),
        api_version=document.api_version or "",
        cool_down=None if written is None else CoolDown(written.after, written.period),
    )


def _key(document: ProviderDocument) -> SecretRef | None:
    if document.key is not None:
        return _secret(document.key)
    if document.google is not None and document.google.credentials is not None:
        return SecretRef(SecretKind.GOOGLE_TOKEN, (document.google.credentials,))
    return None


def _aws(document: AwsDocument) -> Aws:
    written = document.credentials
    if written is None:
        return Aws(document.region)
    if written.access_key is not None and written.secret_key is not None:
        token = written.session_token
        keys = AwsKeys(
            _secret(written.access_key),
            _secret(written.secret_key),
            None if token is None else _secret(token),
        )
        return Aws(document.region, keys=keys)
    if written.source is not None:
        return Aws(document.region, source=written.source)
    return Aws(
        document.region,
        source=AwsSource.PROFILE,
        file=written.file or "",
        profile=written.profile or "default",
    )


def _secret(source: str) -> SecretRef:
    return SecretRef(SecretKind.GENERIC, (source,))
