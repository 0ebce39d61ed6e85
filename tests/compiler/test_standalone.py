"""One static bootstrap: nothing is left to be fetched but secrets whose values are not given."""

from __future__ import annotations

import json

import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.standalone import standalone
from tests.e2e.envoy_process import EnvoyFailedError, validate
from xds.schema import envoy

tls_v3 = envoy.extensions.transport_sockets.tls.v3

POLICY = """\
gatewright: v1
name: example
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services:
  plain: { endpoints: ["10.0.0.1:80"] }
  secure: { endpoints: ["10.0.0.2:443"], tls: { sni: secure.test, ca: file:ca.pem } }
providers: { inhouse: { api: openai, url: "http://llm.internal/v1", key: env:KEY } }
models: { fast: { targets: [inhouse/llama] } }
routes:
  - { match: /plain, service: plain }
  - { match: /secure, service: secure }
  - { match: /v1, serve: llm, auth: none }
"""


def lowered(text=POLICY):
    return compile_sources(sources_of({"gateway.yaml": text})).lowered


def test_nothing_is_fetched_over_ads():
    """Routes and endpoints stand inline, and Envoy accepts the whole."""
    made = standalone(lowered())
    assert '"ads"' not in json.dumps(made)
    validate(made)


def test_given_secrets_are_static_wherever_they_are_named():
    """In transport sockets and in filters packed inside clusters, no source is left."""
    result = lowered()
    secrets = {ref.name: tls_v3.Secret(name=ref.name) for ref in result.secrets}
    assert secrets.keys() == {"generic/env:KEY", "trust/file:ca.pem"}
    made = standalone(result, secrets)
    assert "sds_config" not in json.dumps(made)
    assert {secret["name"] for secret in made["static_resources"]["secrets"]} == secrets.keys()


def test_secrets_that_are_not_given_are_asked_for_where_nobody_answers():
    """A cluster `xds` stands for the control plane, and only then."""
    result = lowered()
    names = [cluster["name"] for cluster in standalone(result)["static_resources"]["clusters"]]
    assert "xds" in names
    secret = ("secure", "inhouse", "serve")
    without = [line for line in POLICY.splitlines() if not any(word in line for word in secret)]
    plain = compile_sources(sources_of({"gateway.yaml": "\n".join(without)}))
    assert plain.ok
    made = standalone(plain.lowered)
    assert [cluster["name"] for cluster in made["static_resources"]["clusters"]] == [
        "service/plain"
    ]


def test_the_lowered_resources_are_left_as_they_are():
    """Making a bootstrap changes nothing that is served."""
    result = lowered()
    before = [
        resource.message.SerializeToString(deterministic=True) for resource in result.resources
    ]
    standalone(result, {ref.name: tls_v3.Secret(name=ref.name) for ref in result.secrets})
    after = [
        resource.message.SerializeToString(deterministic=True) for resource in result.resources
    ]
    assert before == after


def test_a_long_regular_expression_is_taken_by_the_real_envoy():
    """Envoy by itself refuses one of more than 100 RE2 instructions, and all routes with it."""
    text = """\
gatewright: v1
name: long
listeners: { public: { port: 8080, address: 127.0.0.1 } }
routes:
  - match: { regex: "/tenants/[a-z0-9-]{1,63}/items/[a-f0-9]{8}-[a-f0-9]{4}" }
    respond: 204
"""
    compiled = compile_sources(sources_of({"gateway.yaml": text}))
    bootstrap = standalone(compiled.lowered)
    validate(bootstrap)
    del bootstrap["layered_runtime"]
    with pytest.raises(EnvoyFailedError, match="RE2 program size"):
        validate(bootstrap)


def test_usage_is_written_nowhere():
    """An edge's folder need not be there where no edge is."""
    text = POLICY.replace("auth: none", "auth: keys") + (
        f"tenants: {{ acme: {{ keys: {{ ci: {'ab' * 32} }} }} }}\n"
        "edge: { folder: /nowhere/at/all }\n"
    )
    made = standalone(lowered(text))
    assert "/nowhere/at/all/usage.log" not in json.dumps(made)
    validate(made)
