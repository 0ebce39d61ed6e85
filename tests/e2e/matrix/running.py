"""One gateway over every kind of provider, and the official SDKs before it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import yaml

from simulator.recorder import Recorded
from simulator.running import Simulator
from tests.e2e.edges import Gateway, gateway
from tests.e2e.matrix.kinds import ENVIRONMENT, KIND, KINDS, Kind
from tests.e2e.matrix.questions import Sdks

CHAINED = ("anthropic", "bedrock", "gemini")
EVERYTHING = [
    *("rate_limited", "overloaded", "timeout", "connect_failure", "server_error"),
    *("context_exceeded", "content_filter"),
]


@dataclass(frozen=True, slots=True)
class Running:
    """The gateway. `seen` is the last request that came to a kind of provider."""

    gateway: Gateway
    simulator: Simulator
    sdks: Sdks
    url: str

    def at(self, path: str) -> Sdks:
        """The SDKs at another route."""
        return sdks_at(self.url, path)

    def seen(self, kind: Kind) -> Recorded:
        self.simulator.wait_idle()
        return self.simulator.requests_to(kind.name)[-1]


def _policy() -> str:
    models: dict[str, Any] = {
        kind.name: {"targets": [f"{kind.name}/{kind.model}"]} for kind in KINDS
    }
    for kind in KINDS:
        if kind.embeds:
            models[f"{kind.name}-embed"] = {
                "targets": [f"{kind.name}/{kind.embeds}"],
                "apis": "embeddings",
            }
    fallback = {"on": EVERYTHING, "attempt_timeout": "1s", "trim": "oldest"}
    chains = {
        "chain": CHAINED,
        "from-openai": ("openai", "anthropic"),
        "to-inhouse": ("openai", "vllm"),
    }
    for name, chain in chains.items():
        targets = [f"{one}/{KIND[one].model}" for one in chain]
        models[name] = {"targets": targets, "fallback": fallback}
    providers = {kind.name: kind.written() for kind in KINDS}
    providers["vllm"]["trust"] = "internal"
    return yaml.safe_dump(
        {
            "gatewright": "v1",
            "name": "matrix",
            "edge": {"folder": "edge", "workers": 1},
            "providers": providers,
            "models": models,
            "redactions": {
                "mail": {"detect": "email"},
                "always": {"detect": "email", "when": "all"},
            },
            "routes": [
                {"name": "llm", "match": "/v1", "auth": "none", "serve": "llm"},
                _private("private", "mail"),
                _private("everywhere", "always"),
            ],
        },
        sort_keys=False,
    )


def _private(name: str, redaction: str) -> dict[str, object]:
    route = {"name": name, "match": f"/{name}/v1", "auth": "none", "serve": "llm"}
    return {**route, "redact": redaction}


def sdks_at(url: str, path: str = "") -> Sdks:
    """The official SDKs at a gateway."""
    heads: deque[Mapping[str, str]] = deque(maxlen=1)
    hooks: Any = {"response": [lambda response: heads.append(response.headers)]}
    more: Any = {"api_key": "client", "max_retries": 0, "timeout": 30}
    return Sdks(
        openai.OpenAI(
            base_url=f"{url}{path}/v1",
            http_client=openai.DefaultHttpxClient(event_hooks=hooks),
            **more,
        ),
        anthropic.Anthropic(
            base_url=f"{url}{path}",
            http_client=anthropic.DefaultHttpxClient(event_hooks=hooks),
            **more,
        ),
        heads,
    )


@contextmanager
def started(folder: Path) -> Iterator[Running]:
    """Run the gateway, with every kind of provider, until the block ends."""
    providers = [kind.simulated for kind in KINDS]
    with gateway(
        folder, _policy(), edges=1, providers=providers, environment=ENVIRONMENT
    ) as running:
        url = running.urls()[0]
        yield Running(running, running.simulator, sdks_at(url), url)


def of_kinds(*names: str):
    """Parametrize a test over the kinds of provider, or those named."""
    chosen = [kind for kind in KINDS if not names or kind.name in names]
    return pytest.mark.parametrize("kind", chosen, ids=lambda kind: kind.name)


def begins_rightly(text: str, kind: Kind, prompt: str) -> bool:
    """Whether a text is what that simulated provider answers to that prompt."""
    wanted = f"Simulated answer of {kind.name} ({kind.model}) to “{prompt}”"
    return re.match(re.escape(wanted), text) is not None
