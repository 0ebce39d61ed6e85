"""A real Envoy when things go wrong: refusals, restarts, missing secrets, cold clusters."""

from __future__ import annotations

import os
import socket
import ssl
import time
from urllib.request import urlopen

import pytest

from policies.secret import SecretKind, SecretRef
from tests.e2e.certificates import self_signed
from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.ports import free_port
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.order import LISTENER
from xds.resource import resource
from xds.schema import envoy as api
from xds.secrets import SecretReader
from xds.snapshot import snapshot

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])


def fetch(envoy, name="public"):
    return urlopen(envoy.url(name), timeout=10).read().decode()


def broken_routes(name="public"):
    """Routes that Envoy refuses: a prefix rewrite and a regex rewrite at once."""
    wrong = routes(name, to="a")
    action = wrong.message.virtual_hosts[0].routes[0].route
    action.prefix_rewrite = "/x"
    action.regex_rewrite.pattern.regex = "("
    action.regex_rewrite.pattern.google_re2.SetInParent()
    return wrong


@both_protocols
def test_a_refused_listener_is_reported_and_the_rest_is_live(protocol):
    """A port in use: the NACK names the listener, other changes arrive, and it heals by itself."""
    with socket.socket() as taken, running_plane() as plane:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        plane.publish(listener(), routes(body="one"))
        with running(plane.bootstrap(protocol)) as envoy:
            assert fetch(envoy) == "one"
            accepted = plane.publish_and_wait(
                listener(), routes(body="two"), listener("second", port=port), routes("second")
            )
            assert not accepted
            assert fetch(envoy) == "two"
            [nack] = plane.nacks
            assert (nack.type_url, nack.names, nack.node) == (LISTENER, ("second",), "test")
            assert "in use" in nack.error
            # A fixed policy goes live though its forerunner was refused.
            assert plane.publish_and_wait(
                listener(), routes(body="three"), listener("second", port=0), routes("second")
            )
            assert (fetch(envoy), fetch(envoy, "second")) == ("three", "hello")


@both_protocols
def test_a_refused_listener_is_sent_once_and_again_only_on_demand(protocol):
    """What was refused is not repeated, not even beside other changes; `retry` sends it anew."""
    with socket.socket() as taken, running_plane() as plane:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        plane.publish(listener(), routes())
        with running(plane.bootstrap(protocol)) as envoy:
            envoy.port("public")
            second = (listener("second", port=port), routes("second"))
            for body in ("one", "two", "three"):
                assert not plane.publish_and_wait(listener(), routes(body=body), *second)
                assert fetch(envoy) == body
            assert len(plane.nacks) == 1
            taken.close()

            async def retry():
                plane.plane.retry()

            plane.do(retry())
            assert fetch(envoy, "second") == "hello"


@both_protocols
def test_refused_routes_leave_the_last_good_ones_serving(protocol):
    """Envoy keeps what it had, and so does the plane's idea of what is good."""
    with named_upstream("a") as port, running_plane() as plane:
        base = (listener(), cluster("a"), endpoints("a", port))
        plane.publish(*base, routes(to="a"))
        with running(plane.bootstrap(protocol)) as envoy:
            assert plane.publish_and_wait(*base, routes(to="a"))
            with load(envoy.url("public")) as requests:
                assert not plane.publish_and_wait(*base, broken_routes())
                requests.wait_for("a")
            assert not requests.failures
            [nack] = plane.nacks
            assert nack.names == ("public",)
            assert plane.publish_and_wait(*base, routes(body="fixed"))
            assert fetch(envoy) == "fixed"


@both_protocols
def test_a_new_envoy_is_not_sent_what_another_one_refused(protocol):
    """The refusal belongs to the policy, not to the stream that found it."""
    with running_plane() as plane:
        base = (listener(), cluster("a"), endpoints("a", 1))
        plane.publish(*base, routes(body="good"))
        with running(plane.bootstrap(protocol)) as envoy:
            assert plane.publish_and_wait(*base, routes(body="good"))
            assert not plane.publish_and_wait(*base, broken_routes())
        with running(plane.bootstrap(protocol)) as envoy:
            assert fetch(envoy) == "good"
        assert len(plane.nacks) == 1


@both_protocols
def test_a_restarted_plane_sends_nothing_that_envoy_has(protocol, tmp_path):
    """The stored snapshot is served at once, under load, and Envoy finds nothing new in it."""
    at = f"127.0.0.1:{free_port()}"
    counted = "(cds|lds|rds.public).update_success$"
    with named_upstream("a") as port:
        resources = (listener(), routes(to="a"), cluster("a"), endpoints("a", port))
        with running_plane(at, state=tmp_path) as plane:
            plane.publish(*resources)
            bootstrap = plane.bootstrap(protocol)
            context = running(bootstrap)
            envoy = context.__enter__()
            try:
                assert plane.publish_and_wait(*resources)
            except BaseException:
                context.__exit__(None, None, None)
                raise
        try:
            before = envoy.stats(counted)
            with (
                load(envoy.url("public")) as requests,
                running_plane(at, state=tmp_path) as plane,
            ):
                # No policy was compiled: what is on disk is all there is.
                until(lambda: plane.plane.streams == 1, "Envoy did not come back", envoy)
                version = snapshot(resources).version
                assert plane.do(plane.plane.acked(version))
                requests.wait_for("a")
                assert envoy.stats(counted) == before
                # And it can be led on from there.
                assert plane.publish_and_wait(listener(), routes(body="next"))
                requests.wait_for("next")
            assert not requests.failures
        finally:
            context.__exit__(None, None, None)


@both_protocols
def test_a_change_made_while_the_plane_was_away_is_led_step_by_step(protocol, tmp_path, request):
    """A stream that comes back with old clusters keeps them until its routes have moved on."""
    at = f"127.0.0.1:{free_port()}"
    with named_upstream("a") as a, named_upstream("b") as b:
        old = (listener(), routes(to="a"), cluster("a"), endpoints("a", a))
        new = (listener(), routes(to="b"), cluster("b"), endpoints("b", b))
        with running_plane(at, state=tmp_path) as plane:
            plane.publish(*old)
            context = running(plane.bootstrap(protocol))
            envoy = context.__enter__()
            request.addfinalizer(lambda: context.__exit__(None, None, None))
            assert plane.publish_and_wait(*old)
        with load(envoy.url("public")) as requests, running_plane(at, state=tmp_path) as plane:
            # Published before Envoy's backoff lets it come back.
            assert plane.publish_and_wait(*new)
            requests.wait_for("b")
        assert not requests.failures


def test_a_cluster_that_never_warms_holds_the_routes_for_a_bounded_time():
    """Without endpoints Envoy withholds its ACK; after the barrier's time the rest goes on."""
    with running_plane(barrier=1.0) as plane:
        plane.publish(listener(), routes(body="old"))
        with running(plane.bootstrap("sotw")) as envoy:
            assert fetch(envoy) == "old"
            started = time.monotonic()
            plane.publish(listener(), routes(body="new"), cluster("endless"))
            until(lambda: fetch(envoy) == "new", "the routes never came", envoy, deadline=5)
            assert time.monotonic() - started > 0.9


def test_delta_says_at_once_that_there_are_no_endpoints():
    """Told that they do not exist, Envoy waits for no endpoints, and all is acknowledged."""
    with running_plane() as plane:
        plane.publish(listener(), routes(body="old"))
        with running(plane.bootstrap("delta")) as envoy:
            assert fetch(envoy) == "old"
            started = time.monotonic()
            assert plane.publish_and_wait(listener(), routes(body="new"), cluster("endless"))
            assert time.monotonic() - started < 5
            assert fetch(envoy) == "new"


@both_protocols
def test_a_listener_waits_for_its_secret_and_rotates_with_it(protocol, tmp_path):
    """It is not opened without its certificate; a new certificate is served once it is read."""
    secret = SecretRef(SecretKind.CERTIFICATE, ("file:tls.pem", "file:tls.key"))
    secure = (listener("secure", secret=secret.name), routes("secure"))
    reader = SecretReader(tmp_path, os.environ)
    with running_plane(reader=reader) as plane:
        published = plane.publish(listener(), routes(), *secure, secrets=[secret])
        assert published.held == {(LISTENER, "secure")}
        assert [str(one) for one in published.unresolved] == [
            "secret file:tls.pem: No such file or directory"
        ]
        with running(plane.bootstrap(protocol)) as envoy:
            assert fetch(envoy) == "hello"
            active = "listener_manager.total_listeners_active"
            assert envoy.stats(f"^{active}$") == {active: 1}
            first = self_signed(tmp_path, "tls")
            plane.do(plane.plane.reread_secrets())
            port = envoy.port("secure")
            until(lambda: served(port) == ssl.PEM_cert_to_DER_cert(first[0].decode()), "first")
            second = self_signed(tmp_path, "tls")
            plane.do(plane.plane.reread_secrets())
            until(lambda: served(port) == ssl.PEM_cert_to_DER_cert(second[0].decode()), "second")


@both_protocols
def test_a_changed_tls_listener_keeps_its_certificate(protocol, tmp_path):
    """Envoy makes a changed listener anew and waits for the secret, which did not change."""
    secret = SecretRef(SecretKind.CERTIFICATE, ("file:tls.pem", "file:tls.key"))
    self_signed(tmp_path, "tls")
    port = free_port()

    def secure(idle):
        made = listener("secure", secret=secret.name, port=port)
        made.message.per_connection_buffer_limit_bytes.value = idle
        return resource(made.message)

    with running_plane(reader=SecretReader(tmp_path, os.environ)) as plane:
        plane.publish(secure(10_000), routes("secure"), secrets=[secret])
        with running(plane.bootstrap(protocol)) as envoy:
            until(lambda: served(port) is not None, "no handshake", envoy)
            for size in (20_000, 30_000):
                assert plane.publish_and_wait(secure(size), routes("secure"), secrets=[secret])
                until(
                    lambda: not any(envoy.stats("total_listeners_warming$").values()),
                    "the changed listener waits for its secret",
                    envoy,
                    deadline=5,
                )
                assert served(port) is not None


def test_secrets_are_nowhere_but_in_sds(tmp_path, caplog):
    """Not in logs, reprs, the store; in Envoy's config dump they are redacted."""
    secret = SecretRef(SecretKind.GENERIC, ("env:THE_KEY",))
    plain = "sk-very-secret-0123456789"
    caplog.set_level("DEBUG")
    with running_plane(
        reader=SecretReader(tmp_path, {"THE_KEY": plain}), state=tmp_path / "state"
    ) as plane:
        plane.publish(listener(), injecting(secret), routes("keyed"), routes(), secrets=[secret])
        with running(plane.bootstrap("delta")) as envoy:
            until(lambda: secret.name in envoy.get("/config_dump"), "no secret came", envoy)
            assert plain not in envoy.get("/config_dump")
            assert plain not in envoy.log
        for lane in plane.plane.fleet.lanes.values():
            assert plain not in repr(lane.stable.target)
    stored = (tmp_path / "state" / "last-good.snapshot").read_bytes()
    assert plain.encode() not in stored
    assert plain not in caplog.text


def injecting(secret):
    """A listener that adds the secret to each request."""
    hcm = api.extensions.filters.network.http_connection_manager.v3
    made = listener("keyed")
    [http] = made.message.filter_chains[0].filters
    manager = hcm.HttpConnectionManager.FromString(http.typed_config.value)
    injector = api.extensions.filters.http.credential_injector.v3.CredentialInjector()
    generic = api.extensions.http.injected_credentials.generic.v3.Generic(header="authorization")
    generic.credential.name = secret.name
    generic.credential.sds_config.ads.SetInParent()
    generic.credential.sds_config.resource_api_version = api.config.core.v3.V3
    injector.credential.name = "generic"
    injector.credential.typed_config.type_url = (
        "type.googleapis.com/" + generic.DESCRIPTOR.full_name
    )
    injector.credential.typed_config.value = generic.SerializeToString()
    router = manager.http_filters.pop()
    added = manager.http_filters.add(name="credentials")
    added.typed_config.type_url = "type.googleapis.com/" + injector.DESCRIPTOR.full_name
    added.typed_config.value = injector.SerializeToString()
    manager.http_filters.append(router)
    http.typed_config.value = manager.SerializeToString()
    return resource(made.message)


def served(port):
    """The certificate that a port serves, as DER, or None where the handshake fails."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=2) as plain,
            context.wrap_socket(plain) as secure,
        ):
            return secure.getpeercert(binary_form=True)
    except OSError:
        return None
