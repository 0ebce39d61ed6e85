"""Who may be a node of which group."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from xds.identity import (
    REFUSAL,
    IdentityRefused,
    Peer,
    Trust,
    bears,
    identified,
    may_have_secrets,
    peer_of,
    trust_of,
)
from xds.node_match import NodeMatch
from xds.placement import Code
from xds.schema import envoy


@dataclass(frozen=True)
class Part:
    """A group of the policy, as far as identity goes."""

    name: str
    nodes: NodeMatch
    identity: tuple[str, ...] = ()


EU = Part("eu", NodeMatch(region="eu-*"), ("spiffe://corp/edge/eu/*", "*.eu.example.com"))
US = Part("us", NodeMatch(region="us-*"), ("spiffe://corp/edge/us/*",))
OPEN = Part("open", NodeMatch())


def node(region=""):
    message = envoy.config.core.v3.Node(id="edge-1", cluster="edge")
    message.locality.region = region
    return message


def holder(*, uri=None, name=None, trust=Trust.CERTIFICATE):
    return Peer(trust, "10.0.0.1", (uri,) if uri else (), (name,) if name else ())


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("spiffe://corp/edge/eu/*", "spiffe://corp/edge/eu/one"),
        ("spiffe://corp/edge/*/one", "spiffe://corp/edge/eu/one"),
        ("spiffe://corp/edge/**", "spiffe://corp/edge/eu/one"),
        ("spiffe://corp/**/one", "spiffe://corp/edge/eu/one"),
        ("spiffe://corp/edge", "spiffe://corp/edge"),
        ("spiffe://corp/e*e", "spiffe://corp/edge"),
    ],
)
def test_uris_that_a_glob_stands_for(glob, name):
    """One star is a run within one segment of the path, two cross segments."""
    assert bears(holder(uri=name), [glob])


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        ("spiffe://corp/edge/*", "spiffe://corp/edge/eu/one"),
        ("spiffe://corp/edge/eu/*", "spiffe://corp/edge/eu"),
        ("spiffe://corp/edge/**", "spiffe://corp/edge"),
        ("spiffe://corp/edge", "spiffe://corp/edge/"),
        ("spiffe://corp/edge", "spiffe://CORP/edge"),
        ("spiffe://*/edge", "spiffe://corp/evil/edge"),
        ("spiffe://corp/edge", "xspiffe://corp/edge"),
        ("*.example.com", "spiffe://a.example.com"),
        ("*", "spiffe://corp"),
        ("**", "spiffe://corp"),
    ],
)
def test_uris_that_it_does_not_stand_for(glob, name):
    """Neither deeper nor shallower paths, nor other trust domains, nor DNS globs."""
    assert not bears(holder(uri=name), [glob])


def test_a_dns_wildcard_is_one_label():
    """As in a certificate for servers (RFC 9525, section 6.3)."""
    glob = ["*.eu.example.com"]
    assert bears(holder(name="edge-1.eu.example.com"), glob)
    assert not bears(holder(name="a.b.eu.example.com"), glob)
    assert not bears(holder(name="eu.example.com"), glob)
    assert not bears(holder(name="edge-1.eu.example.com.evil.org"), glob)
    assert bears(holder(name="edge-1.eu.example.com"), ["*.EU.Example.com."])


def test_the_common_name_is_not_an_identity():
    """Only subject alternative names are read, and only those that are verified."""
    auth = {
        "transport_security_type": [b"ssl"],
        "x509_common_name": [b"edge-1.eu.example.com"],
        "x509_subject_alternative_name": [b"edge-2.eu.example.com"],
    }
    assert peer_of(auth, "ipv4:10.0.0.1:1", Trust.CERTIFICATE) == Peer(
        Trust.CERTIFICATE, "10.0.0.1"
    )


def test_names_are_read_by_their_kind():
    """A DNS name that looks like a URI is none, and letters of names do not differ by case."""
    auth = {"peer_uri": [b"spiffe://corp/a"], "peer_dns": [b"Edge.Example.COM.", b"other"]}
    peer = peer_of(auth, "ipv6:%5B2001:db8::1%5D:5000", Trust.CERTIFICATE)
    assert peer.uris == ("spiffe://corp/a",)
    assert peer.names == ("edge.example.com", "other")
    assert peer.address == "2001:db8::1"
    posing = peer_of({"peer_dns": [b"spiffe://corp/a"]}, "unix:", Trust.CERTIFICATE)
    assert not bears(posing, ["spiffe://corp/a"])


@pytest.mark.parametrize(
    "auth",
    [
        {"peer_uri": [b"spiffe://corp/a", b"spiffe://corp/b"]},
        {"peer_dns": [b"*.eu.example.com"]},
        {"peer_dns": [b"edge\x00.eu.example.com"]},
        {"peer_dns": ["ä.example.com".encode()]},
        {"peer_dns": [b""]},
    ],
)
def test_what_is_no_name(auth):
    """Two URIs are no SPIFFE ID, a wildcard is nobody's own name, other letters are none at all."""
    assert not bears(peer_of(auth, "ipv4:1.2.3.4:5", Trust.CERTIFICATE), ["spiffe://**", "**"])


def test_a_node_is_in_the_group_that_takes_it_if_its_certificate_may():
    """By a URI or by a DNS name."""
    for peer in (holder(uri="spiffe://corp/edge/eu/1"), holder(name="a.eu.example.com")):
        assert identified(node("eu-west"), peer, [EU, US]) is EU


@pytest.mark.parametrize(
    ("claimed", "peer"),
    [
        ("eu-west", holder(uri="spiffe://corp/edge/us/1")),
        ("eu-west", holder()),
        ("eu-west", holder(trust=Trust.NOBODY)),
        ("asia", holder(uri="spiffe://corp/edge/us/1")),
    ],
)
def test_any_other_is_refused_in_the_same_words(claimed, peer):
    """Impersonation, no name, no certificate, no group: the client learns nothing of which."""
    with pytest.raises(IdentityRefused) as caught:
        identified(node(claimed), peer, [EU, US])
    assert (caught.value.code, str(caught.value)) == (Code.PERMISSION_DENIED, REFUSAL)
    assert "spiffe://corp/edge/eu" not in caught.value.reason


def test_a_certificate_of_another_group_never_places_a_node():
    """A node that claims to be of the group for all is there, without what needs an identity."""
    assert identified(node("asia"), holder(uri="spiffe://corp/edge/us/1"), [EU, US, OPEN]) is OPEN


def test_on_one_machine_no_identity_is_asked():
    """Loopback and Unix sockets: whoever can connect could read the files as well."""
    assert identified(node("eu-west"), Peer(Trust.MACHINE), [EU]) is EU


def test_secrets_are_for_identities():
    """Whoever may be anyone gets none, unless it is on this machine."""
    assert may_have_secrets((), Trust.MACHINE)
    assert may_have_secrets(EU.identity, Trust.CERTIFICATE)
    assert not may_have_secrets((), Trust.CERTIFICATE)
    assert not may_have_secrets((), Trust.NOBODY)
    assert not may_have_secrets(EU.identity, Trust.NOBODY)


def test_what_is_known_of_those_who_connect():
    """Loopback and Unix sockets are this machine, whatever else is the world."""
    for host in ("", "127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert trust_of(host, client_ca=False) is Trust.MACHINE
    for host in ("0.0.0.0", "::", "10.0.0.1", "control.internal"):
        assert trust_of(host, client_ca=False) is Trust.NOBODY
    assert trust_of("127.0.0.1", client_ca=True) is Trust.CERTIFICATE


def test_matching_takes_no_time_that_an_attacker_chooses():
    """Many stars against a long name of one letter are walked once."""
    started = time.monotonic()
    assert not bears(holder(uri="spiffe://" + "a" * 2_000), ["spiffe://" + "*a" * 60 + "**b"])
    assert time.monotonic() - started < 2
