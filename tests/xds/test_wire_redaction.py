"""Redaction: what Envoy's API marks as secret is not shown, whatever it is wrapped in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.envoy_process import running
from tests.xds.random_messages import message_names, messages
from xds.schema import envoy, google, udpa
from xds.wire import REDACTED, decode, encode, pack, redact, to_json, type_url, typed_struct

SECRET = "hunter2-hunter2"

tls = envoy.extensions.transport_sockets.tls.v3
filters = envoy.extensions.filters.http


def api_keys() -> filters.api_key_auth.v3.ApiKeyAuth:
    return filters.api_key_auth.v3.ApiKeyAuth(
        credentials=[{"key": SECRET, "client": "ci"}], key_sources=[{"header": "x-key"}]
    )


def test_secret_is_replaced_and_the_rest_stays() -> None:
    """A secret's value reads [redacted]; names beside it stay, and the original is not touched."""
    secret = tls.Secret(name="openai", generic_secret={"secret": {"inline_string": SECRET}})
    before = encode(secret)
    assert to_json(redact(secret)) == {
        "name": "openai",
        "generic_secret": {"secret": {"inline_string": REDACTED}},
    }
    assert encode(secret) == before


@pytest.mark.parametrize(
    "message",
    [
        tls.TlsCertificate(private_key={"inline_bytes": SECRET.encode()}),
        tls.TlsSessionTicketKeys(keys=[{"inline_string": SECRET}]),
        tls.GenericSecret(secrets={"a": {"inline_string": SECRET}}),
        filters.ext_authz.v3.CheckSettings(context_extensions={"token": SECRET}),
        tls.PrivateKeyProvider(typed_config=pack(google.protobuf.StringValue(value=SECRET))),
        pack(pack(api_keys())),
        typed_struct(type_url(api_keys()), to_json(api_keys())),
        typed_struct("envoy.new.v3.Thing", {"deep": [{"password": SECRET}]}),
        udpa.type.v1.TypedStruct(type_url="acme/acme.Thing", value={"password": SECRET}),
        google.protobuf.Any(type_url="type.googleapis.com/acme.Thing", value=SECRET.encode()),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_no_wrapping_hides_a_secret(message) -> None:
    """Bytes, lists, maps, Anys, TypedStructs and unknown types do not let a secret through."""
    assert SECRET.encode() in encode(message)
    assert SECRET.encode() not in encode(redact(message))


@given(st.sampled_from(message_names()).flatmap(messages))
def test_redacted_message_is_still_of_its_type(message) -> None:
    """Redaction gives a message that encodes, and redacting again changes nothing."""
    once = redact(message)
    assert decode(type(message), encode(once)) == once
    assert encode(redact(once)) == encode(once)


@pytest.mark.e2e
def test_real_envoy_redacts_the_same() -> None:
    """Envoy's config dump of a filter with keys is what redact makes of it."""
    network = envoy.extensions.filters.network.http_connection_manager.v3
    manager = network.HttpConnectionManager(
        stat_prefix="x",
        http_filters=[
            {"name": "keys", "typed_config": pack(api_keys())},
            {"name": "router", "typed_config": pack(filters.router.v3.Router())},
        ],
        route_config={"name": "empty"},
    )
    listener = envoy.config.listener.v3.Listener(
        name="x",
        address={"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        filter_chains=[{"filters": [{"name": "http", "typed_config": pack(manager)}]}],
    )
    bootstrap = envoy.config.bootstrap.v3.Bootstrap(static_resources={"listeners": [listener]})
    with running(to_json(bootstrap)) as process:
        dump = process.json("/config_dump?resource=static_listeners")
    assert SECRET not in json.dumps(dump)
    (found,) = (config["listener"] for config in dump["configs"])
    assert {"@type": type_url(listener), **to_json(redact(listener))} == found
