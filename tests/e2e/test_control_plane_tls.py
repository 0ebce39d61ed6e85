"""Real Envoys show certificates to the control plane: who is let in, and what rotates."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from policies.secret import SecretKind, SecretRef
from tests.e2e.authority import Authority, replace
from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.bootstrap import Bootstrap, address, bootstrap
from xds.bootstrap_tls import ClientTls, secret_files
from xds.credentials import CertificateFiles, ServerCertificates
from xds.identity import REFUSAL, Trust
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.secrets import SecretReader
from xds.snapshot import snapshot
from xds.wire import to_json

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])
EU = "spiffe://corp/edge/eu/1"
US = "spiffe://corp/edge/us/1"
SECRET = SecretRef(SecretKind.CERTIFICATE, ("file:tls.pem", "file:tls.key"))


class Site:
    """A folder of certificates, and what is made of them."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = Authority()
        self.told = []
        replace(folder / "ca.pem", self.authority.pem)
        replace(folder / "trusted.pem", self.authority.pem)
        self.authority.write(folder, "plane", "127.0.0.1")
        self.authority.write(folder, "edge", EU)
        self.authority.write(folder, "tls", "shop.example.com")

    @contextmanager
    def plane(self, **options):
        """A control plane that asks for certificates, and serves one group of the EU."""
        files = CertificateFiles(
            self.folder / "plane.pem", self.folder / "plane.key", self.folder / "ca.pem"
        )
        certificates = ServerCertificates(files, lambda good, text: self.told.append((good, text)))
        with running_plane(
            credentials=certificates.credentials(),
            trust=Trust.CERTIFICATE,
            reader=SecretReader(self.folder, {}),
            **options,
        ) as plane:
            yield plane

    def bootstrap(self, plane, protocol="delta", *, cluster="eu", certificate="edge"):
        tls = ClientTls(
            self.folder / "trusted.pem",
            ("127.0.0.1",),
            self.folder / f"{certificate}.pem",
            self.folder / f"{certificate}.key",
            folder=self.folder,
        )
        for name, message in secret_files(tls).items():
            (self.folder / name).write_text(json.dumps(to_json(message)))
        at = address(plane.plane.address)
        return to_json(bootstrap(Bootstrap(at, "edge-1", cluster, protocol, tls=tls)))


def groups(body="hello", *, identity=("spiffe://corp/edge/eu/*",), secret=False, extra=()):
    """Groups `eu` and `us`; with ``secret`` `eu` has a listener with a certificate by SDS."""
    more = (listener("secure", secret=SECRET.name), routes("secure")) if secret else ()
    made = snapshot((listener(), routes(body=body), *more, *extra))
    other = snapshot((listener("other"), routes("other")))
    return (
        Build("eu", NodeMatch(cluster="eu"), made, (SECRET,) if secret else (), identity),
        Build("us", NodeMatch(cluster="us"), other, (), ("spiffe://corp/edge/us/*",)),
    )


def publish(plane, builds):
    return plane.do(plane.plane.publish_fleet(builds))


def fetch(envoy, name="public"):
    return urlopen(envoy.url(name), timeout=10).read().decode()


def handshake(address, folder, certificate="edge"):
    """Connect as an Envoy would; give the certificate that is served, or the error."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cafile=folder / "trusted.pem")
    context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((host, int(port)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@both_protocols
def test_an_envoy_with_the_identity_of_its_group_is_served_with_its_secrets(site, protocol):
    """Mutual TLS, then configuration and certificate over the one stream."""
    with site.plane() as plane:
        publish(plane, groups(secret=True))
        with running(site.bootstrap(plane, protocol)) as envoy:
            assert fetch(envoy) == "hello"
            until(lambda: _serves_tls(envoy), "no TLS listener", envoy)


def _serves_tls(envoy):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", envoy.port("secure")), timeout=2) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except OSError:
        return False


def test_a_group_without_an_identity_is_served_without_secrets(site):
    """Any client of the CA may be in it: what needs a secret is held, the rest is live."""
    with site.plane() as plane:
        published = publish(plane, groups(secret=True, identity=()))
        assert {name for _, name in published.held} == {"secure"}
        with running(site.bootstrap(plane)) as envoy:
            assert fetch(envoy) == "hello"
            assert SECRET.name not in envoy.get("/config_dump")


@both_protocols
def test_a_node_that_claims_another_group_is_refused(site, protocol):
    """By a status and a text that names no identity; nothing is sent."""
    with site.plane() as plane:
        publish(plane, groups())
        with running(site.bootstrap(plane, protocol, cluster="us"), wait_ready=False) as envoy:
            until(lambda: REFUSAL in envoy.log, "it was not refused", envoy)
            assert "closed: 7, " in envoy.log
            assert "corp/edge/us" not in envoy.log
            assert "other" not in envoy.get("/config_dump")


@pytest.mark.parametrize("what", ["another CA", "expired", "no certificate"])
def test_a_certificate_that_does_not_verify_never_gets_as_far_as_a_stream(site, what):
    """The handshake fails; the plane sees no stream."""
    if what == "another CA":
        Authority().write(site.folder, "edge", EU)
    elif what == "expired":
        site.authority.write(site.folder, "edge", EU, days=-1)
    with site.plane() as plane:
        publish(plane, groups())
        made = site.bootstrap(plane)
        if what == "no certificate":
            [static] = made["static_resources"]["clusters"]
            common = static["transport_socket"]["typed_config"]["common_tls_context"]
            del common["tls_certificate_sds_secret_configs"]
        with running(made, wait_ready=False) as envoy:
            failed = "cluster.gatewright/control-plane.upstream_cx_destroy_remote"
            pattern = "control-plane.upstream_cx_(connect_fail|destroy_remote)$"
            until(lambda: any(envoy.stats(pattern).values()), failed, envoy)
            assert plane.plane.streams == 0
            assert not envoy.ready()


def test_an_envoy_does_not_talk_to_a_plane_of_another_name(site):
    """A valid certificate for another host is not enough."""
    site.authority.write(site.folder, "plane", "127.0.0.9")
    with site.plane() as plane:
        publish(plane, groups())
        with running(site.bootstrap(plane), wait_ready=False) as envoy:
            verified = "control-plane.ssl.fail_verify_san$"
            until(lambda: any(envoy.stats(verified).values()), "it was not checked", envoy)
            assert plane.plane.streams == 0


@pytest.mark.slow
@both_protocols
def test_an_envoy_s_own_certificate_rotates_without_a_restart(site, protocol):
    """Moved into its folder, it is shown at the next connection.

    A wrong one is refused then, while the old configuration serves on; the right one is let in.
    """
    with site.plane(max_age=1.0) as plane:
        publish(plane, groups("one"))
        with running(site.bootstrap(plane, protocol)) as envoy:
            with load(envoy.url("public")) as requests:
                requests.wait_for("one")
                site.authority.write(site.folder, "edge", US)
                until(lambda: REFUSAL in envoy.log, "the new one was not shown", envoy)
                publish(plane, groups("two"))
                site.authority.write(site.folder, "edge", EU)
                requests.wait_for("two")
            assert not requests.failures
            assert set(requests.answers) == {"200 one", "200 two"}


def test_the_plane_s_certificate_and_ca_rotate_under_load(site):
    """New handshakes get the new ones, streams that are open go on, and no request fails."""
    with named_upstream("a") as port, site.plane(max_age=1.0) as plane:
        extra = (cluster("a"), endpoints("a", port))
        made = (listener(), routes(to="a"), *extra)
        eu = Build("eu", NodeMatch(cluster="eu"), snapshot(made), (), ("spiffe://corp/edge/eu/*",))
        publish(plane, (eu,))
        with (
            running(site.bootstrap(plane)) as envoy,
            load(envoy.url("public")) as requests,
        ):
            requests.wait_for("a")
            old = handshake(plane.plane.address, site.folder)
            # First both CAs are trusted, then certificates are changed, then the old CA goes.
            new = Authority("new CA")
            for name in ("ca.pem", "trusted.pem"):
                replace(site.folder / name, site.authority.pem + new.pem)
            new.write(site.folder, "edge", EU)
            chain = new.write(site.folder, "plane", "127.0.0.1")
            until(
                lambda: handshake(plane.plane.address, site.folder) == chain.decode(),
                "the new certificate is not served",
            )
            assert old != chain.decode()
            for name in ("ca.pem", "trusted.pem"):
                replace(site.folder / name, new.pem)
            before = connections(envoy)
            # The first may have been on its way before the CAs were changed.
            until(lambda: connections(envoy) >= before + 2, "no new connection", envoy)
            moved = Build(
                "eu",
                NodeMatch(cluster="eu"),
                snapshot((listener(), routes(body="moved"), *extra)),
                (),
                ("spiffe://corp/edge/eu/*",),
            )
            publish(plane, (moved,))
            requests.wait_for("moved")
        assert not requests.failures
    assert site.told[-1][0]


def connections(envoy):
    """How many connections to the control plane Envoy has made."""
    return sum(envoy.stats("control-plane.upstream_cx_total$").values())


def test_the_old_ca_s_clients_are_out_once_it_is_gone(site):
    """Nothing is resumed past the change: each handshake is held against the CAs of now."""
    with site.plane() as plane:
        publish(plane, groups())
        assert handshake_ok(plane, site)
        new = Authority("new CA")
        replace(site.folder / "ca.pem", new.pem)
        assert not handshake_ok(plane, site)


def handshake_ok(plane, site):
    """Whether the plane lets the client speak: under TLS 1.3 it says so after the handshake."""
    host, _, port = plane.plane.address.rpartition(":")
    context = ssl.create_default_context(cafile=site.folder / "trusted.pem")
    context.load_cert_chain(site.folder / "edge.pem", site.folder / "edge.key")
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, int(port)), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
            return bool(secure.recv(9))
    except OSError:
        return False
