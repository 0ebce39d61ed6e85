"""An answer's stream through the translator: its bytes, its chunks, what an SDK reads."""

from __future__ import annotations

import json

from tests.translate import sdk
from tests.translate.drive import answer, ask
from tests.translate.wire_formats import SSE


def streamed(client, provider, body, *, kind=SSE, **more):
    exchange = ask(client, provider, stream=True, **more)
    head, out = answer(exchange, body, kind=kind)
    return exchange.machine, head, out


def read(client, provider, body, *, kind=SSE, **more):
    _, head, out = streamed(client, provider, body, kind=kind, **more)
    return sdk.read(client, stream=True, status=head.status, headers=head.headers, body=out)


def chunks(out):
    frames = [one.removeprefix("data: ") for one in out.decode().split("\n\n") if one]
    return [json.loads(one) for one in frames if one != "[DONE]"]
