"""Many drawn policies that serve models, as one file: what they share, and what each adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from tests.decide.random_llm import Drawn
from tests.e2e.test_native_identity import ISSUER

FLAVOURS = ("people", "models", "tokens", "native")
SHARED = {
    "gatewright": "v1",
    "name": "held",
    "edge": {"folder": "edge", "workers": 1},
    "services": {"echo": {"endpoints": ["<echo>"]}},
    "issuers": {
        "corp": {
            "issuer": ISSUER,
            "audiences": ["gatewright"],
            "jwks": "file:corp.jwks.json",
            "claims": {"tenant": "org", "team": "team", "user": "sub"},
        }
    },
    "redactions": {"pii": {"detect": ["email"]}},
}


def together(drawn: Sequence[Drawn], upstream: str, echo: int) -> str:
    """Write them down; ``upstream`` is where providers are, ``echo`` the port of the service."""
    whole: dict[str, Any] = dict(SHARED)
    for one in drawn:
        for section, value in one.sections.items():
            if isinstance(value, list):
                whole[section] = [*whole.get(section, ()), *value]
            else:
                whole[section] = {**whole.get(section, {}), **value}
    text: str = yaml.safe_dump(whole, sort_keys=False)
    return text.replace("<upstream>", upstream).replace("<echo>", f"127.0.0.1:{echo}")
