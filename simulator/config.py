"""What is simulated: the providers, where they listen, and the seed of their answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simulator.scenario import Scenario

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """The AWS keys that a simulated Bedrock demands: requests signed with others are 403.

    With `region` the signature's scope has to name it too.
    """

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One simulated provider.

    `api` names the wire format (`openai`, `gemini`, ...: `formats.registry`). With `port` None the
    provider is served below `/<name>` of the shared port; with a number (0: any free one) it has a
    port of its own, where its paths are the real provider's. `key` None takes any credential, as
    long as there is one; otherwise it is what the API's own header has to hold (`authorization:
    Bearer`, `x-api-key`, `x-goog-api-key`, `api-key`). `aws` makes Bedrock check signatures.
    `models` empty takes every model; otherwise the others are 404.
    `context_window` (tokens) makes longer prompts the provider's own "too long" error.
    `token_delay` is the time in seconds before each token of a stream.
    """

    name: str
    api: str = "openai"
    key: str | None = field(default=None, repr=False)
    aws: AwsKeys | None = None
    models: tuple[str, ...] = ()
    scenario: Scenario = field(default_factory=Scenario)
    port: int | None = None
    context_window: int | None = None
    token_delay: float = 0.0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no provider's name: letters, digits, - and _")


DEFAULT_PROVIDERS = (
    Provider("openai", "openai"),
    Provider("claude", "anthropic"),
    Provider("echo", "echo"),
)


@dataclass(frozen=True, slots=True)
class Config:
    """A simulator: its providers and where it listens.

    The same `seed` and the same request give the same answer. `record` is how many requests are
    kept to look at, and `record_bytes` how many bytes of their bodies; 0 records nothing but
    the sums of usage.
    """

    providers: tuple[Provider, ...] = DEFAULT_PROVIDERS
    seed: int = 7
    host: str = "127.0.0.1"
    port: int = 0
    record: int = 10_000
    record_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        names = [provider.name for provider in self.providers]
        if len(set(names)) != len(names):
            raise ValueError(f"a provider's name is given twice: {', '.join(sorted(names))}")
