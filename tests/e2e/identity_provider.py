"""An OpenID provider for tests: logs in whoever comes, and gives him a token for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.e2e.llm_upstream import Answer, Recorded, upstream


@dataclass(slots=True, eq=False)
class IdentityProvider:
    """``token`` makes the access token of the next login; ``logins`` are what was asked for."""

    token: Callable[[], str]
    port: int = 0
    logins: list[dict[str, str]] = field(default_factory=list)
    exchanges: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Recorded) -> Answer:
        path = urlsplit(request.path)
        if path.path == "/authorize":
            asked = _fields(path.query)
            self.logins.append(asked)
            back = urlencode({"code": "a-code", "state": asked["state"]})
            return Answer(302, headers=(("location", f"{asked['redirect_uri']}?{back}"),))
        asked = _fields(request.body.decode())
        self.exchanges.append(asked)
        told = {"access_token": self.token(), "token_type": "Bearer", "expires_in": 600}
        return Answer(body=json.dumps(told).encode())


def _fields(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


@contextmanager
def identity_provider(token: Callable[[], str]) -> Iterator[IdentityProvider]:
    """Run it until the block ends."""
    with upstream() as started:
        made = IdentityProvider(token, started.port)
        started.behave = made.answer
        yield made
