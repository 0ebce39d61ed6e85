"""The fixture that other tests stand on: it starts, reports and ends a real Envoy."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.e2e.envoy_process import EnvoyFailedError, running, validate

HCM = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
    ".HttpConnectionManager"
)
BOOTSTRAP = {
    "static_resources": {
        "listeners": [
            {
                "name": "public",
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                "filter_chains": [
                    {
                        "filters": [
                            {
                                "name": "hcm",
                                "typed_config": {
                                    "@type": HCM,
                                    "stat_prefix": "public",
                                    "route_config": {
                                        "virtual_hosts": [
                                            {
                                                "name": "any",
                                                "domains": ["*"],
                                                "routes": [
                                                    {
                                                        "match": {"prefix": "/"},
                                                        "direct_response": {"status": 204},
                                                    }
                                                ],
                                            }
                                        ]
                                    },
                                    "http_filters": [
                                        {
                                            "name": "router",
                                            "typed_config": {
                                                "@type": "type.googleapis.com/envoy.extensions"
                                                ".filters.http.router.v3.Router"
                                            },
                                        }
                                    ],
                                },
                            }
                        ]
                    }
                ],
            }
        ]
    }
}


def test_serves_on_an_ephemeral_port_and_ends():
    """Envoy answers where `url` says, and its process is gone after the block."""
    with running(BOOTSTRAP) as envoy:
        assert httpx.get(envoy.url("public")).status_code == 204
        assert envoy.stats("http.public.downstream_rq_2xx")["http.public.downstream_rq_2xx"] == 1
        pid = envoy.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_bootstrap_that_envoy_refuses_fails_with_its_log():
    """The error of a broken bootstrap holds what Envoy says about it."""
    with (
        pytest.raises(EnvoyFailedError, match="nonsense"),
        running({"nonsense": 1}),
    ):
        pass


def test_validate_tells_good_from_bad():
    """`validate` accepts what runs and shows Envoy's words on what does not."""
    validate(BOOTSTRAP)
    with pytest.raises(EnvoyFailedError, match="nonsense"):
        validate({"nonsense": 1})
