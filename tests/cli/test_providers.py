"""`gatewright providers`: the table that the compiler goes by, for people and for machines."""

from __future__ import annotations

import json

import pytest

from cli.exits import CannotRunError
from cli.main import main
from cli.providers_table import COUNTED, WRITTEN, as_data, as_text, way_of
from cli.simulated_format import simulated_format
from tests.compiler.stages import plan_of
from xds.edge.pairs import ClientApi, Provider, pair, table

CLOUDS = {
    "google: {..}": "google: { project: p, location: eu }, key: env:K",
    "aws: {..}": "aws: { region: eu-central-1 }, key: env:K",
}


def test_every_pair_is_told():
    """What is printed as data is the table itself, and the counts that the edge makes."""
    told = {(one["client"], one["provider"]): one for one in as_data()}
    for client, provider, found in table():
        if client is ClientApi.MODELS:
            continue
        entry = told.pop((client.value, provider.value))
        assert entry["way"] == found.way.value
        assert set(entry["features"]) == {feature.value for feature in found.features}
    assert {one["way"] for one in told.values()} == {COUNTED}


@pytest.mark.parametrize("provider", Provider)
def test_how_a_policy_writes_each(provider):
    """What the table says to write is what the compiler takes for that provider."""
    written = WRITTEN[provider]
    for short, whole in CLOUDS.items():
        written = written.replace(short, whole)
    if provider is Provider.AZURE or "dialect" in written:
        written += ", url: 'https://llm.example/v1'"
    plan = plan_of(f"providers: {{ one: {{ {written} }} }}")
    assert plan.providers[0].speech is provider


def test_the_text_has_a_line_for_each():
    """Each provider stands in both tables, and what is not served is a dash."""
    lines = as_text().splitlines()
    for written in WRITTEN.values():
        assert sum(line.startswith(f"{written}  ") for line in lines) == 2
    cohere = next(line for line in lines if line.startswith("api: cohere"))
    assert cohere.split()[2:] == [
        *["translated"] * 5, "counted", "counted", "-", "-"
    ]  # fmt: skip


def test_every_provider_serves_chat():
    """A chain over any providers has an API in common: no model can be without one."""
    assert all(pair(ClientApi.CHAT, provider) is not None for provider in Provider)
    assert way_of(ClientApi.IMAGES, Provider.COHERE) is None


def test_the_command(capsys):
    """`--json` is one array, and the text a table."""
    assert main(["providers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == as_data()
    assert main(["providers"]) == 0
    assert capsys.readouterr().out.startswith("PROVIDER ")


def test_which_format_simulates():
    """The format of a dialect or a place, if there is one, else that of its API."""
    known = {"openai", "anthropic", "azure", "bedrock"}
    assert simulated_format(Provider.AZURE, known) == "azure"
    assert simulated_format(Provider.VLLM, known) == "openai"
    assert simulated_format(Provider.ANTHROPIC_VERTEX, known) == "anthropic"
    assert simulated_format(Provider.BEDROCK, known) == "bedrock"
    with pytest.raises(CannotRunError, match="`cohere` is not simulated"):
        simulated_format(Provider.COHERE, known)
