"""One simulator for the tests of this folder, as new before each of them, and the official SDKs.

A file that wants other providers has a `running` of its own.
"""

from __future__ import annotations

import anthropic
import openai
import pytest

from simulator.config import Config, Provider
from simulator.running import start_in_thread

CONFIG = Config(
    providers=(
        Provider("openai", "openai"),
        Provider("backup", "openai"),
        Provider("own", "openai", port=0),
        Provider("strict", "openai", key="sk-right", models=("only-this",), context_window=50),
        Provider("claude", "anthropic"),
        Provider("strict-claude", "anthropic", key="sk-right", models=("x",), context_window=50),
        Provider("plain", "echo"),
    )
)


@pytest.fixture(scope="session")
def running():
    with start_in_thread(CONFIG) as simulator:
        yield simulator


@pytest.fixture
def simulator(running):
    yield running
    running.wait_idle()
    running.reset()


@pytest.fixture
def gpt(simulator):
    url = simulator.url("openai")
    with openai.OpenAI(
        base_url=url, api_key="sk-test", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
def claude(simulator):
    url = simulator.url("claude")
    with anthropic.Anthropic(
        base_url=url, api_key="sk-test", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client
