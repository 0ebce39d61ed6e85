"""TLS on both sides: certificates by SDS, clients with certificates, names that are verified."""

from __future__ import annotations

import ssl
from http.client import HTTPSConnection
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.e2e.rest_gateway import gateway
from tests.e2e.rest_upstream import upstream

POLICY = """\
gatewright: v1
name: tls
listeners:
  open:
    port: 8443
    address: 127.0.0.1
    tls: { certificate: file:edge.pem, key: file:edge.key }
  mutual:
    port: 8444
    address: 127.0.0.1
    tls:
      certificate: file:edge.pem
      key: file:edge.key
      client_ca: file:ca.pem
      min_version: "1.3"
services:
  by-name: { endpoints: ["localhost:<port>"], tls: { ca: file:ca.pem } }
  by-sni:
    endpoints: ["127.0.0.1:<port>"]
    tls: { ca: file:ca.pem, sni: localhost, certificate: file:edge.pem, key: file:edge.key }
  by-address: { endpoints: ["127.0.0.1:<port>"], tls: { ca: file:ca.pem, verify: ["127.0.0.1"] } }
  wrong-name: { endpoints: ["127.0.0.1:<port>"], tls: { ca: file:ca.pem, sni: other.test } }
  several: { endpoints: ["localhost:<port>", "other.localhost:<port>"], tls: { ca: file:ca.pem } }
  wrong-ca: { endpoints: ["localhost:<port>"], tls: { ca: file:other.pem } }
routes:
  - { match: /by-name, service: by-name }
  - { match: /by-sni, service: by-sni }
  - { match: /by-address, service: by-address }
  - { match: /several, service: several }
  - { match: /wrong-name, service: wrong-name }
  - { match: /wrong-ca, service: wrong-ca }
  - { match: /moved, redirect: { path: /by-name } }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ca(folder):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    edge = authority.issue_cert("edge.test", "127.0.0.1")
    edge.private_key_pem.write_to_path(folder / "edge.key")
    for part in edge.cert_chain_pems:
        part.write_to_path(folder / "edge.pem", append=True)
    return authority


@pytest.fixture(scope="module")
def envoy(ca, folder):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    ca.configure_trust(server)
    server.verify_mode = ssl.CERT_OPTIONAL
    with (
        upstream("secure", server) as secure,
        gateway(POLICY, folder, port=secure.port) as envoy,
    ):
        yield envoy


@pytest.fixture
def trusting(ca):
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


@pytest.mark.parametrize("http2", [False, True])
def test_a_listener_with_tls_speaks_both_versions_of_http(envoy, trusting, http2):
    """HTTP/2 or HTTP/1.1 by ALPN, with a certificate that the client trusts."""
    with httpx.Client(verify=trusting, http2=http2) as client:
        answer = client.get(envoy.url("open", "https") + "/by-name")
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"


@pytest.mark.parametrize("target", ["/moved", "https://edge.test/moved", "http://edge.test/moved"])
def test_a_redirect_keeps_the_scheme_that_a_client_came_by(envoy, trusting, target):
    """Or the one of the whole URL that it asked for; `decide` says the same."""
    client = HTTPSConnection(urlsplit(envoy.url("open", "https")).netloc, context=trusting)
    client.request("GET", target, headers={"Host": "edge.test"})
    location = client.getresponse().getheader("location")
    client.close()
    plan = compile_sources(sources_of({"gateway.yaml": POLICY.replace("<port>", "1")})).plan
    asked = Request(target=target, host="edge.test", listener="open")
    assert decide(plan, asked).location == location
    assert location == f"{target.partition('/moved')[0] or 'https://edge.test'}/by-name"


def test_a_client_without_a_certificate_is_turned_away(envoy, trusting):
    """`client_ca` asks for a certificate, and closes the connection without one."""
    with httpx.Client(verify=trusting) as client, pytest.raises(httpx.TransportError):
        client.get(envoy.url("mutual", "https") + "/by-name")


def test_a_client_with_a_certificate_of_another_ca_is_turned_away(envoy, trusting):
    """Only roots of `client_ca` are believed."""
    trustme.CA().issue_cert("client.test").configure_cert(trusting)
    with httpx.Client(verify=trusting) as client, pytest.raises(httpx.TransportError):
        client.get(envoy.url("mutual", "https") + "/by-name")


def test_a_client_with_a_certificate_is_let_in(envoy, ca, trusting):
    """A certificate that `client_ca` signed opens the listener."""
    ca.issue_cert("client.test").configure_cert(trusting)
    with httpx.Client(verify=trusting) as client:
        assert client.get(envoy.url("mutual", "https") + "/by-name").status_code == 200


def test_versions_below_min_version_are_refused(envoy, ca, trusting):
    """A client that speaks nothing newer than TLS 1.2 cannot enter where 1.3 is asked for."""
    ca.issue_cert("client.test").configure_cert(trusting)
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=trusting) as client:
        assert client.get(envoy.url("open", "https") + "/by-name").status_code == 200
        with pytest.raises(httpx.TransportError):
            client.get(envoy.url("mutual", "https") + "/by-name")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/by-name", 200),
        ("/by-sni", 200),
        ("/by-address", 200),
        ("/wrong-name", 503),
        ("/wrong-ca", 503),
    ],
)
def test_upstreams_must_be_who_they_are_called(envoy, trusting, path, status):
    """The certificate must chain to the roots and hold the name (or the address) asked for."""
    with httpx.Client(verify=trusting) as client:
        assert client.get(envoy.url("open", "https") + path).status_code == status


def test_our_own_certificate_is_shown_upstream(envoy, trusting):
    """A service that asks for a certificate gets the one of `tls.certificate`, others get none."""
    with httpx.Client(verify=trusting) as client:
        shown = client.get(envoy.url("open", "https") + "/by-sni").json()
        none = client.get(envoy.url("open", "https") + "/by-name").json()
    names = [value for _, value in shown["client_certificate"]["subjectAltName"]]
    assert "edge.test" in names
    assert none["client_certificate"] is None


def test_each_of_several_names_is_verified_by_itself(envoy, trusting):
    """A certificate for one endpoint's name is not good for the other's."""
    with httpx.Client(verify=trusting) as client:
        url = envoy.url("open", "https") + "/several"
        statuses = {client.get(url).status_code for _ in range(8)}
    assert statuses == {200, 503}
