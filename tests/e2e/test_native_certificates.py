"""Clients' certificates where the real Envoy decides alone."""

from __future__ import annotations

import ssl
from dataclasses import replace
from tempfile import NamedTemporaryFile
from urllib.parse import unquote

import httpx
import pytest
from cryptography import x509

from compiler.plan_policies import Applied
from policies.downstream_tls import DownstreamTls
from policies.secret import SecretKind, SecretRef
from tests.e2e import account_plans
from tests.e2e.account_plans import KEYS, MTLS, plan, rest, tenant
from tests.e2e.authority import Authority
from tests.e2e.envoy_process import running
from tests.e2e.llm_gateway import AT
from tests.e2e.recording_edge import denied, edge
from tests.e2e.rest_upstream import upstream
from xds.schema import envoy

tls_v3 = envoy.extensions.transport_sockets.tls.v3
CERTIFICATE = SecretRef(SecretKind.CERTIFICATE, ("file:edge.pem", "file:edge.key"))
ROOTS = SecretRef(SecretKind.TRUST, ("file:ca.pem",))


@pytest.fixture(scope="module")
def authority():
    return Authority()


TLS = Applied("tls", DownstreamTls(CERTIFICATE, ROOTS, "1.2"), AT)


def served_by(authority):
    """The secrets of the listener."""
    chain, key = authority.issue("127.0.0.1")
    certificate = tls_v3.Secret(name=CERTIFICATE.name)
    certificate.tls_certificate.certificate_chain.inline_bytes = chain
    certificate.tls_certificate.private_key.inline_bytes = key
    roots = tls_v3.Secret(name=ROOTS.name)
    roots.validation_context.trusted_ca.inline_bytes = authority.pem
    return {CERTIFICATE.name: certificate, ROOTS.name: roots}


@pytest.fixture(scope="module")
def gateway(authority):
    with upstream() as service:
        made = plan(
            rest(MTLS),
            port=service.port,
            tenants=(
                tenant("acme", certificates=("spiffe://corp/acme/*", "*.acme.example", "CN=x")),
                tenant("bolt", certificates=("spiffe://corp/b*t/api",), routes=()),
            ),
        )
        listener = replace(made.listeners[0], policies=(TLS,))
        served = served_by(authority)
        whole = account_plans.bootstrap(replace(made, listeners=(listener,)), messages=served)
        with running(whole, log_level="warning") as started:
            yield started, service


def test_an_edge_is_told_whose_certificate_it_is(authority, tmp_path):
    """Where keys would do as well: by its first name, and as a whole."""
    made = plan(rest(KEYS, MTLS), tenants=(tenant("acme", certificates=("spiffe://corp/*",)),))
    made = replace(made, listeners=(replace(made.listeners[0], policies=(TLS,)),))
    whole = account_plans.bootstrap(made, messages=served_by(authority))
    with (
        edge(tmp_path / "edge") as asked,
        running(whole, log_level="warning", folder=tmp_path) as started,
    ):
        asked.check = lambda _: denied(403, "no")
        assert ask(started, authority, "spiffe://corp/acme/api", "a.example").status_code == 403
        source = asked.checks[0].attributes.source
        assert source.principal == "spiffe://corp/acme/api"
        pem = unquote(source.certificate)
        certificate = x509.load_pem_x509_certificate(pem.encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.value.get_values_for_type(x509.DNSName) == ["a.example"]


def ask(started, authority, *names):
    """The answer to a client with a certificate for these names."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.check_hostname = False
    chain, key = authority.issue(*names)
    with NamedTemporaryFile() as pair:
        pair.write(chain + key)
        pair.flush()
        context.load_cert_chain(pair.name)
    with httpx.Client(verify=context) as client:
        return client.get(started.url("public", "https") + "/orders")


@pytest.mark.parametrize(
    "name", ["spiffe://corp/acme/api", "spiffe://corp/acme/", "a.acme.example", "A.acme.Example"]
)
def test_a_certificate_is_a_tenant_by_its_names(gateway, authority, name):
    """A star stands for a segment, or a part of it; the service is told whose request it is."""
    started, service = gateway
    assert ask(started, authority, name).status_code == 200
    headers = service.requests[-1]["headers"]
    assert headers["x-gatewright-tenant"] == "acme"
    assert headers["x-gatewright-user"] == name


def test_a_certificate_goes_by_the_name_that_envoy_calls_its_principal(gateway, authority):
    """The first URI, or else the first DNS name, or else its subject: as an edge is told."""
    started, _ = gateway
    assert ask(started, authority, "a.acme.example", "spiffe://corp/else").status_code == 401
    assert ask(started, authority, "b.example", "spiffe://corp/acme/x").status_code == 200
    assert ask(started, authority).status_code == 200  # CN=x


@pytest.mark.parametrize(
    "name",
    [
        "spiffe://corp/other",
        "spiffe://corp.acme/x",
        "spiffe://corp/acme/api/deep",
        "a-acme.example",
        "a.b.acme.example",
        "xspiffe://corp/acme/a",
        "https://x.acme.example",
    ],
)
def test_a_certificate_of_nobody_is_401(gateway, authority, name):
    """The listener knows who signed it, and no tenant says that it is theirs."""
    started, _ = gateway
    assert ask(started, authority, name).status_code == 401


def test_a_known_certificate_may_be_in_the_wrong_place(gateway, authority):
    """Its tenant has no routes."""
    started, _ = gateway
    assert ask(started, authority, "spiffe://corp/bolt/api").status_code == 403
