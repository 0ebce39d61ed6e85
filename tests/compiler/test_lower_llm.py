"""Lowering of models by itself: what is made, what it is called, and that it is always the same."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.lower.llm import lower_llm
from compiler.lower.llm.attempt import authority
from compiler.lower.llm.models_list import path_pattern
from compiler.lower.llm.names import cluster_name
from compiler.plan import Plan
from compiler.plan_llm import Api, Trigger, Url
from tests.e2e.llm_gateway import model, plan, provider, serve, target
from xds.wire import encode, to_json


def one_chain() -> Plan:
    """Two models over three providers, one of which nothing uses."""
    shared = target("a/shared")
    return plan(
        [provider("a", 1), provider("b", 2), provider("unused", 3)],
        [
            model("fast", shared, "b/x", on=(Trigger.RATE_LIMITED,), aliases=("quick",)),
            model("slow", shared, target("a/shared", timeout=timedelta(seconds=1.5))),
        ],
    )


def test_a_listener_without_models_gets_nothing():
    """No filter, cluster or logger is added where no route serves models."""
    made = one_chain()
    bare = replace(made, routes=tuple(r for r in made.routes if r.name == "plain"))
    parts = lower_llm(bare, bare.listeners[0])
    assert not parts.routes
    assert not parts.clusters
    assert not parts.http_filters


def test_models_share_the_cluster_of_the_same_target():
    """A target is one cluster wherever it stands; another bound on its attempts is another one."""
    made = one_chain()
    names = [cluster.name for cluster, _ in lower_llm(made, made.listeners[0]).clusters]
    assert names == ["llm/a/shared", "llm/a/shared?timeout=1.5s", "llm/b/x"]


def test_only_the_secrets_of_used_providers_are_asked_for():
    """A provider that no served model uses is not in the configuration at all."""
    made = one_chain()
    secrets = lower_llm(made, made.listeners[0]).secrets
    assert [ref.sources for ref in secrets] == [("env:A_KEY",), ("env:B_KEY",)]


def test_equal_plans_are_lowered_to_the_same_bytes():
    """Nothing depends on the order of a set or on the time."""

    def lowered() -> list[bytes]:
        made = one_chain()
        parts = lower_llm(made, made.listeners[0])
        assert parts.local_reply is not None
        messages = [
            *(cluster for cluster, _ in parts.clusters),
            *parts.routes["llm"],
            *parts.http_filters,
            *parts.access_log,
            parts.local_reply,
        ]
        return [encode(message) for message in messages]

    assert lowered() == lowered()


def test_route_names_are_unique_and_tell_the_route_operation_and_model():
    """Logs and traces name a route; no two of a listener have one name."""
    made = one_chain()
    routes = [
        route for routes in lower_llm(made, made.listeners[0]).routes.values() for route in routes
    ]
    names = [route.name for route in routes]
    assert len(set(names)) == len(names)
    assert names[:2] == ["llm/chat/completions/fast", "llm/chat/completions/slow"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/gpt-4o", "llm/a/gpt-4o"),
        ("a/org/model:8b", "llm/a/org/model:8b"),
        ("a/m\u00f6del x?", "llm/a/m%C3%B6del%20x%3F"),
    ],
)
def test_odd_characters_of_a_model_are_encoded_in_its_cluster_s_name(text, name):
    """Two models never share a name, and a name has no character that a tool may trip over."""
    assert cluster_name(target(text)) == name


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (Url("https", "api.openai.com", 443, "/v1"), "api.openai.com"),
        (Url("http", "llm.internal", 8000, ""), "llm.internal:8000"),
        (Url("http", "::1", 80, ""), "[::1]"),
        (Url("https", "::1", 8443, ""), "[::1]:8443"),
    ],
)
def test_a_provider_is_called_by_its_host(url, host):
    """The port is named only where it is not the scheme's own; IPv6 stands in brackets."""
    assert authority(url) == host


def test_a_chain_is_a_group_for_each_attempt():
    """The retry policy is the fallback's, and each attempt chooses its cluster anew."""
    made = one_chain()
    (fast, *_) = lower_llm(made, made.listeners[0]).routes["llm"]
    action = to_json(fast)["route"]
    assert action["retry_policy"] == {
        "retry_on": "retriable-status-codes",
        "num_retries": 1,
        "retriable_status_codes": [429],
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
        "refresh_cluster_on_retry": True,
    }
    specifier = action["inline_cluster_specifier_plugin"]["extension"]["typed_config"]
    groups = specifier["value"]["priority_groups"]
    assert [group["clusters"][0]["cluster_name"] for group in groups] == ["llm/a/shared", "llm/b/x"]


def test_one_group_needs_no_priority_group():
    """A split is Envoy's own weighted clusters, which older versions have too."""
    split = model("fast", (target("a/x", 3), target("b/y", 1)))
    made = plan([provider("a", 1), provider("b", 2)], [split])
    (fast, *_) = lower_llm(made, made.listeners[0]).routes["llm"]
    assert to_json(fast)["route"]["weighted_clusters"]["clusters"] == [
        {"name": "llm/a/x", "weight": 3},
        {"name": "llm/b/y", "weight": 1},
    ]


def test_models_of_another_api_are_refused_and_not_routed():
    """At /messages only Anthropic models are routed; the others are told where to go."""
    models = [model("fast", "a/x"), model("smart", "c/y", api=Api.ANTHROPIC)]
    made = plan(
        [provider("a", 1), provider("c", 2, Api.ANTHROPIC)], models, [serve(*models, prefix="/")]
    )
    routes = lower_llm(made, made.listeners[0]).routes["llm"]
    forwarding = [(route.match.path, route.name) for route in routes if route.HasField("route")]
    assert forwarding == [
        ("/chat/completions", "llm/chat/completions/fast"),
        ("/completions", "llm/completions/fast"),
        ("/embeddings", "llm/embeddings/fast"),
        ("/responses", "llm/responses/fast"),
        ("/responses/input_tokens", "llm/responses/input_tokens/fast"),
        ("/images/generations", "llm/images/generations/fast"),
        ("/images/edits", "llm/images/edits/fast"),
        ("/audio/speech", "llm/audio/speech/fast"),
        ("/audio/transcriptions", "llm/audio/transcriptions/fast"),
        ("/audio/translations", "llm/audio/translations/fast"),
        ("/messages", "llm/messages/smart"),
        ("/messages/count_tokens", "llm/messages/count_tokens/smart"),
    ]


NAMES = st.text("abcXYZ019._-/:", min_size=1)


@given(NAMES, NAMES)
def test_the_path_of_a_model_is_matched_encoded_and_plain_and_no_other(name, other):
    """`org/model` is asked for as org/model and as org%2Fmodel, in either case of the digits."""
    pattern = path_pattern("/v1/models/", name) or re.escape(f"/v1/models/{name}")
    for encoded in (
        name,
        name.replace("/", "%2F").replace(":", "%3A"),
        name.replace("/", "%2f").replace(":", "%3a"),
    ):
        assert re.fullmatch(pattern, f"/v1/models/{encoded}")
    assert bool(re.fullmatch(pattern, f"/v1/models/{other}")) == (other == name)
