"""What an answer says, in no API's words: the oracle between a provider's bytes and a client's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

VECTORS = Path(__file__).parent / "vectors"


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Facts:
    text: str = ""
    reasoning: str = ""
    signature: str = ""
    redacted: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = "stop"  # stop, stop_sequence, length, tool_calls, filtered
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    thought: int = 0
    pieces: tuple[str, ...] = field(default=(), compare=False)  # of the text, as it is streamed

    def but(self, **changes: Any) -> Facts:
        return replace(self, **changes)


def scenarios() -> dict[str, Facts]:
    """The hand-written scenarios of `vectors/answers/scenarios.yaml`."""
    given = yaml.safe_load((VECTORS / "answers" / "scenarios.yaml").read_text())
    return {name: _facts(told) for name, told in given.items()}


def _facts(told: dict[str, Any]) -> Facts:
    pieces = tuple(told.pop("pieces", ()))
    calls = tuple(Call(one["id"], one["name"], one["arguments"]) for one in told.pop("calls", ()))
    return Facts(text="".join(pieces), pieces=pieces, calls=calls, **told)


def load(folder: str) -> list[dict[str, Any]]:
    """All cases of a folder of vectors, each with the name of its file before its own."""
    cases: list[dict[str, Any]] = []
    for path in sorted((VECTORS / folder).glob("*.yaml")):
        given = yaml.safe_load(path.read_text())
        cases += [{**case, "name": f"{path.stem}/{case['name']}"} for case in given]
    return cases


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
