"""Plans of LLM gateways for tests, and the real Envoy that runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from compiler.diagnostic import Reporter
from compiler.lower import lower
from compiler.plan import Listener, Match, PathKind, Plan, Respond, Route, Serve
from compiler.plan_llm import (
    Api,
    Endpoint,
    Fallback,
    Group,
    Model,
    Price,
    Provider,
    Speech,
    Target,
    Trigger,
    Trust,
    Url,
)
from compiler.plan_policies import Applied
from compiler.source import Span
from compiler.standalone import standalone
from policies.secret import SecretKind, SecretRef
from tests.e2e.envoy_process import EnvoyProcess, running, until
from tests.e2e.llm_upstream import Upstream
from xds.schema import envoy

AT = Span("test.yaml", 1, 1, 1, 2)
PRICE = Price(input=150_000, output=600_000, cached_input=75_000, source="test")
tls_v3 = envoy.extensions.transport_sockets.tls.v3


def provider(
    name: str, upstream: Upstream | int, api: Api = Api.OPENAI, path: str = "/v1", **more: Any
) -> Provider:
    """A provider at an upstream, whose key is `sk-canary-<name>`."""
    port = upstream if isinstance(upstream, int) else upstream.port
    return Provider(
        **{
            "name": name,
            "speech": Speech(api.value),
            "url": Url("http", "127.0.0.1", port, path),
            "key": SecretRef(SecretKind.GENERIC, (f"env:{name.upper()}_KEY",)),
            "trust": Trust.EXTERNAL,
            "headers": (),
            "connect_timeout": timedelta(seconds=2),
            "policies": (),
            "at": AT,
            **more,
        }
    )


def key_of(name: str) -> str:
    return f"sk-canary-{name}"


def target(name: str, weight: int = 1, timeout: timedelta | None = None) -> Target:
    """`provider/model`, at the test's price."""
    provider_name, _, model_name = name.partition("/")
    return Target(provider_name, model_name, weight, timeout, PRICE, AT)


def model(
    name: str,
    *groups: str | Target | Sequence[Target],
    on: Sequence[Trigger] = (),
    api: Api = Api.OPENAI,
    aliases: tuple[str, ...] = (),
    attempt_timeout: timedelta | None = None,
    timeout: timedelta = timedelta(seconds=20),
) -> Model:
    """A model whose groups are targets, or sequences of weighted targets."""
    made = tuple(
        Group(
            (target(group),)
            if isinstance(group, str)
            else (group,)
            if isinstance(group, Target)
            else tuple(group)
        )
        for group in groups
    )
    fallback = Fallback(tuple(on), attempt_timeout, len(made))
    endpoints = tuple(endpoint for endpoint in Endpoint if endpoint.api is api)
    return Model(name, aliases, endpoints, made, fallback, timeout, AT)


def serve(
    *models: Model, name: str = "llm", prefix: str = "/v1", policies: tuple[Applied, ...] = ()
) -> Route:
    """A `serve: llm` route with these models."""
    match = Match((), PathKind.PREFIX, prefix, (), (), ())
    serves = Serve(tuple(m.name for m in models))
    return Route(name, ("public",), match, serves, policies, AT)


def plan(
    providers: Sequence[Provider], models: Sequence[Model], routes: Sequence[Route] | None = None
) -> Plan:
    """A plan with one listener, a route for all models at /v1, and a plain one at /plain."""
    plain = Route(
        "plain",
        ("public",),
        Match((), PathKind.PREFIX, "/plain", (), (), ()),
        Respond(200, "plain", "text/plain"),
        (),
        AT,
    )
    return Plan(
        name="test",
        envoy=(1, 40),
        listeners=(Listener("public", "127.0.0.1", 0, (), AT),),
        services=(),
        providers=tuple(sorted(providers, key=lambda p: p.name)),
        models=tuple(sorted(models, key=lambda m: m.name)),
        routes=(*(routes if routes is not None else (serve(*models),)), plain),
        lanes=(),
    )


@dataclass(slots=True)
class Gateway:
    """A running gateway and a client of it."""

    envoy: EnvoyProcess
    client: httpx.Client

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """Send JSON; a body of bytes is sent as it is, with JSON's content type."""
        if isinstance(body, bytes):
            headers = {"content-type": "application/json", **more.pop("headers", {})}
            return self.client.post(path, content=body, headers=headers, **more)
        return self.client.post(path, json=body, **more)

    def chat(self, model: str = "fast", **more: Any) -> httpx.Response:
        """A chat completion of a model."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        return self.post("/v1/chat/completions", {**body, **more})

    def metrics(self, name: str) -> dict[tuple[tuple[str, str], ...], int]:
        """The values of a counter by its labels (sorted), from Prometheus' page."""
        found = {}
        for line in self.envoy.get("/stats/prometheus").splitlines():
            match = re.fullmatch(rf"envoy_gatewright_llm_{name}\{{(.*)\}} (\d+)", line)
            if match:
                labels = re.findall(r'(\w+)="([^"]*)"', match[1])
                found[tuple(sorted(labels))] = int(match[2])
        return found

    def log_lines(self, count: int) -> list[dict[str, Any]]:
        """The access log, once it has that many lines."""

        def lines() -> list[str]:
            return [line for line in self.envoy.log.splitlines() if line.startswith("{")]

        until(lambda: len(lines()) >= count, f"fewer than {count} lines of access log", self.envoy)
        return [json.loads(line) for line in lines()]

    def last_line(self) -> dict[str, Any]:
        """The access log's line of the last request for a model that has ended by now."""
        mark = f"/plain/{len(self.log_lines(0))}"
        self.client.get(mark)

        def written() -> bool:
            return any(line.get("path") == mark for line in self.log_lines(0))

        until(written, "no line of access log", self.envoy)
        return [line for line in self.log_lines(0) if line.get("model")][-1]

    def messages(self, model: str = "smart", **more: Any) -> httpx.Response:
        """An Anthropic message of a model."""
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        return self.post(
            "/v1/messages", {**body, **more}, headers={"anthropic-version": "2023-06-01"}
        )


def bootstrap(made: Plan, roots: Mapping[SecretRef, bytes] | None = None) -> dict[str, Any]:
    """The static bootstrap of a plan, with a canary for each provider's key; `roots` are PEM."""
    reporter = Reporter()
    lowered = lower(made, reporter)
    assert not reporter.diagnostics
    secrets = {}
    for one in made.providers:
        if one.key is not None:
            secret = tls_v3.Secret(name=one.key.name)
            secret.generic_secret.secret.inline_string = key_of(one.name)
            secrets[one.key.name] = secret
    for ref, pem in (roots or {}).items():
        trust = tls_v3.Secret(name=ref.name)
        trust.validation_context.trusted_ca.inline_bytes = pem
        secrets[ref.name] = trust
    return standalone(lowered, secrets)


@contextmanager
def gateway(
    made: Plan, roots: Mapping[SecretRef, bytes] | None = None, **more: Any
) -> Iterator[Gateway]:
    """Run Envoy on a plan until the block ends."""
    with (
        running(
            bootstrap(made, roots),
            log_level="warning",
            arguments=("--file-flush-interval-msec", "20"),
            **more,
        ) as envoy,
        httpx.Client(base_url=envoy.url("public"), timeout=30) as client,
    ):
        yield Gateway(envoy, client)
