"""Clients with valid certificates try to get the secrets of another group."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import grpc
import pytest

from policies.secret import SecretKind, SecretRef
from tests.e2e.authority import Authority, replace
from tests.e2e.plane_thread import running_plane
from tests.xds.hand_made import listener, routes
from xds.credentials import CertificateFiles, ServerCertificates
from xds.identity import REFUSAL, Trust
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.order import SECRET
from xds.plane import ControlPlane
from xds.schema import envoy
from xds.secrets import SecretReader
from xds.snapshot import snapshot

discovery = envoy.service.discovery.v3
ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
SDS = "/envoy.service.secret.v3.SecretDiscoveryService/"
METHODS = {
    "delta ADS": ADS + "DeltaAggregatedResources",
    "SotW ADS": ADS + "StreamAggregatedResources",
    "delta SDS": SDS + "DeltaSecrets",
    "SotW SDS": SDS + "StreamSecrets",
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)

CANARIES = {"eu": "canary-eu-4c1d77", "us": "canary-us-90be15"}
KEYS = {name: SecretRef(SecretKind.GENERIC, (f"env:KEY_{name.upper()}",)) for name in CANARIES}
NOWHERE = SecretRef(SecretKind.GENERIC, ("env:KEY_NO",)).name


class Site:
    """A plane of two groups that each have a key, and clients with certificates."""

    def __init__(self, folder, plane, authority):
        self.plane = plane
        self._authority = authority

    def channel(self, name):
        """A connection with the certificate of a node of that group."""
        chain, key = self._authority.issue(f"spiffe://corp/edge/{name}/1")
        credentials = grpc.ssl_channel_credentials(self._authority.pem, key, chain)
        return grpc.secure_channel(self.plane.plane.address, credentials)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    authority = Authority()
    replace(folder / "ca.pem", authority.pem)
    authority.write(folder, "plane", "127.0.0.1")
    files = CertificateFiles(folder / "plane.pem", folder / "plane.key", folder / "ca.pem")
    environ = {f"KEY_{name.upper()}": canary for name, canary in CANARIES.items()}
    with running_plane(
        credentials=ServerCertificates(files, lambda *_: None).credentials(),
        trust=Trust.CERTIFICATE,
        reader=SecretReader(folder, environ),
    ) as plane:
        plane.do(plane.plane.publish_fleet(builds()))
        yield Site(folder, plane, authority)


def builds():
    return tuple(
        Build(
            name,
            NodeMatch(cluster=name),
            snapshot((listener(name), routes(name))),
            (KEYS[name],),
            (f"spiffe://corp/edge/{name}/*",),
        )
        for name in CANARIES
    )


@contextmanager
def stream(channel, method, cluster):
    """A raw stream of secrets; the block gets a function that asks and one that reads."""
    delta = "Delta" in method
    asked, more = [], threading.Condition()
    done = threading.Event()

    def requests():
        while True:
            with more:
                more.wait_for(lambda: asked or done.is_set())
                if not asked:
                    return
                request = asked.pop(0)
            yield request

    call = channel.stream_stream(method)(requests())

    def ask(*names, all_names=None, claims=cluster, has=None):
        if delta:
            request = discovery.DeltaDiscoveryRequest(
                type_url=SECRET, resource_names_subscribe=names, initial_resource_versions=has or {}
            )
        else:
            request = discovery.DiscoveryRequest(
                type_url=SECRET, resource_names=all_names or names, version_info="x" if has else ""
            )
        request.node.id, request.node.cluster = "raw", claims
        with more:
            asked.append(request.SerializeToString())
            more.notify()

    try:
        yield ask, lambda: next(call)
    finally:
        with more:
            done.set()
            more.notify()
        call.cancel()


def heard(site, method, tried, *, own="us", has=None):
    """What a client hears that asks for a name and then for its own group's secret."""
    with (
        site.channel(own) as channel,
        stream(channel, method, own) as (ask, read),
    ):
        ask(tried, has=has)
        ask(KEYS[own].name, all_names=(tried, KEYS[own].name))
        answers = [read()]
        while CANARIES[own].encode() not in answers[-1]:
            answers.append(read())
        return answers


@every_method
def test_a_group_gets_its_own_secret(site, method):
    """Else the other tests could not fail."""
    assert CANARIES["eu"].encode() in heard(site, method, NOWHERE, own="eu")[-1]


@every_method
@pytest.mark.parametrize("has", [None, "claimed"])
def test_another_group_s_secret_is_as_one_that_does_not_exist(site, method, has):
    """By its name, or as one that the client says it has.

    The answers are the same, byte by byte but for the name.
    """
    stolen, nowhere = KEYS["eu"].name, NOWHERE
    assert stolen != nowhere
    tried, other = (
        heard(site, method, name, has={name: "1"} if has else None) for name in (stolen, nowhere)
    )
    assert not any(CANARIES["eu"].encode() in answer for answer in tried)
    assert [_named(answer, stolen) for answer in tried] == [
        _named(answer, nowhere) for answer in other
    ]


def _named(answer, name):
    """The answer with a placeholder for a name."""
    return answer.replace(name.encode(), b"NAME")


@every_method
def test_a_wildcard_gives_no_secrets(site, method):
    """Not even one's own: secrets are asked for by name."""
    with (
        site.channel("us") as channel,
        stream(channel, method, "us") as (ask, read),
    ):
        ask("*")
        ask(KEYS["us"].name, all_names=("*", KEYS["us"].name))
        answer = read()
        assert CANARIES["us"].encode() in answer
        assert CANARIES["eu"].encode() not in answer


@every_method
def test_a_node_of_another_group_is_impersonated_in_vain(site, method):
    """The certificate is of the one, the node says that it is of the other."""
    with (
        site.channel("us") as channel,
        stream(channel, method, "eu") as (ask, read),
    ):
        ask(KEYS["eu"].name)
        with pytest.raises(grpc.RpcError) as caught:
            read()
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert caught.value.details() == REFUSAL


@every_method
def test_a_second_stream_is_held_against_the_certificate_too(site, method):
    """Of the same connection, on which a first one was let in."""
    with (
        site.channel("us") as channel,
        stream(channel, method, "us") as (ask, read),
        stream(channel, method, "eu") as (ask_second, read_second),
    ):
        ask(KEYS["us"].name)
        assert CANARIES["us"].encode() in read()
        ask_second(KEYS["eu"].name)
        with pytest.raises(grpc.RpcError) as caught:
            read_second()
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


@every_method
def test_a_stream_stays_in_its_group_whatever_it_says_later(site, method):
    """Only the first message's node counts."""
    with (
        site.channel("us") as channel,
        stream(channel, method, "us") as (ask, read),
    ):
        ask(NOWHERE)
        ask(KEYS["eu"].name, claims="eu")
        names = (KEYS["eu"].name, KEYS["us"].name)
        ask(KEYS["us"].name, all_names=names, claims="eu")
        answer = read()
        assert CANARIES["us"].encode() in answer
        assert CANARIES["eu"].encode() not in answer


def test_what_was_refused_is_told_once_and_shows_no_secret(site, caplog):
    """A client that comes back for ever does not fill the log."""
    caplog.set_level("INFO", "gatewright.xds")
    for _ in range(5):
        with (
            site.channel("eu") as channel,
            stream(channel, METHODS["delta ADS"], "nobody") as (ask, read),
        ):
            ask(KEYS["eu"].name)
            with pytest.raises(grpc.RpcError):
                read()
    told = [one.getMessage() for one in caplog.records if "refused" in one.getMessage()]
    assert told == ["stream of spiffe://corp/edge/eu/1 refused: no group takes it"]
    assert "canary" not in caplog.text


def test_a_plane_that_others_can_reach_gives_no_secrets_unless_it_is_told_to(tmp_path):
    """Whoever embeds it and forgets about trust gives nothing away."""
    secret = SecretRef(SecretKind.CERTIFICATE, ("file:tls.pem", "file:tls.key"))
    Authority().write(tmp_path, "tls", "shop.example.com")
    made = snapshot((listener(secret=secret.name), routes()))

    async def held(listen):
        plane = ControlPlane(listen, reader=SecretReader(tmp_path, {}))
        published = await plane.publish(made, (secret,))
        return {name for _, name in published.held}

    assert asyncio.run(held("10.0.0.1:18000")) == {"public"}
    assert asyncio.run(held("127.0.0.1:18000")) == set()
