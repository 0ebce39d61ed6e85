"""What can be seen of a request for a model from outside: as a trace says it, and as it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cli.rehearsed_case import code_of
from compiler.decide.trace import Decider, Trace
from simulator.recorder import Recorded
from tests.decide.asking import Answered
from tests.decide.random_asked import TEXT


def expected(trace: Trace) -> dict[str, Any]:
    """What a trace says that can be seen from outside."""
    told: dict[str, Any] = {"status": 200 if trace.status is None else trace.status}
    if trace.attempts or trace.decider in (Decider.GATE, Decider.MODEL):
        told["sent"] = list(_sent(trace))
    if trace.attempts:
        told["attempts"] = str(len(trace.attempts))
        # What stands in for a target says so in the target's name.
        cooled = trace.attempts[-1].outcome == "skipped"
        told["served"] = trace.attempts[-1].target if cooled else trace.served
    if trace.decider is not Decider.UPSTREAM and trace.status != 200:
        told["code"] = trace.code
    if trace.sent and trace.identity is not None:
        told["identity"] = (trace.identity.tenant, trace.identity.team, trace.identity.key)
    return told


def _sent(trace: Trace) -> Iterator[tuple[Any, ...]]:
    """Each request to a provider: where, whether the text is in clear, the model, no credential."""
    for one in trace.attempts:
        if one.sent is not None:
            sent = one.sent
            yield sent.to, sent.path, sent.host, not one.redacted, sent.model, False


def seen(answered: Answered, came: Iterable[Recorded]) -> dict[str, Any]:
    """What was seen of a request, and of those that came to providers for it."""
    told: dict[str, Any] = {
        "status": answered.status,
        "served": answered.headers.get("x-gatewright-target"),
        "attempts": answered.headers.get("x-gatewright-attempts"),
        "code": code_of(answered.body),
        "sent": [
            (
                record.provider,
                record.target,
                record.header("host"),
                TEXT.encode() in record.body,
                _model(record.body),
                any(b"gw_" in value for _, value in record.headers),
            )
            for record in sorted(came, key=lambda record: record.number)
        ],
    }
    if "x-echo" in answered.headers:
        headers = dict(json.loads(answered.body)["headers"])
        told["identity"] = tuple(
            headers.get(f"x-gatewright-{what}", "") for what in ("tenant", "team", "key")
        )
    return told


def common(got: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What was seen, of that which is decided; some APIs have no model in their bodies."""
    told: dict[str, Any] = {key: got.get(key) for key in wanted}
    if "sent" in told and len(told["sent"]) == len(wanted["sent"]):
        told["sent"] = [
            (*came[:4], came[4] or decided[4], came[5])
            for came, decided in zip(told["sent"], wanted["sent"], strict=True)
        ]
    return told


def _model(body: bytes) -> str | None:
    """What a provider reads as the model: the last of that name counts."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    model = told.get("model") if isinstance(told, dict) else None
    return model if isinstance(model, str) else None
