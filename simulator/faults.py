"""What goes wrong: an answer in, the same answer spoilt as an outcome says out. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from simulator.formats.base import Call, Format
from simulator.message import Answer, Chunk, End
from simulator.scenario import HEADERS, Outcome

_HTML = b"""<html>
<head><title>%d Simulated</title></head>
<body><center><h1>%d Simulated</h1></center><hr><center>a proxy on the way</center></body>
</html>
"""


def before(form: Format, call: Call) -> Answer | None:
    """The answer of an outcome that comes before the request is even looked at, or None."""
    outcome = call.outcome
    match outcome.kind:
        case "status":
            return form.error(call, outcome.status, outcome.code, "")
        case "reset":
            return Answer(0, (), (), 0, end=End.RESET)
        case "html":
            page = _HTML % (outcome.status, outcome.status)
            headers = ((b"content-type", b"text/html"),)
            return Answer(outcome.status, headers, (Chunk(page),), len(page))
    return None


def after(form: Format, call: Call, answer: Answer) -> Answer:
    """The right answer, spoilt as the call's outcome says."""
    outcome = call.outcome
    match outcome.kind:
        case "slow_first_token":
            return _late_first_chunk(answer, outcome.seconds)
        case "stall":
            return _stalled(answer, outcome.after, outcome.seconds)
        case "cut":
            sent = _until(answer, outcome.after)
            return replace(answer, chunks=sent, end=End.FIN if outcome.fin else End.RESET)
        case "no_terminal":
            return replace(answer, chunks=tuple(c for c in answer.chunks if not c.terminal))
        case "garbage":
            return _garbage(form, call, answer)
        case "error_in_band":
            return _error_in_band(form, call, answer)
        case "empty":
            length = None if answer.content_length is None else 0
            return replace(answer, chunks=(), content_length=length, usage=None)
        case "wrong_content_type":
            others = tuple(pair for pair in answer.headers if pair[0] != b"content-type")
            return replace(answer, headers=((b"content-type", b"text/html"), *others))
    return answer


def delayed(answer: Answer, outcome: Outcome) -> Answer:
    """The answer after the outcome's delay."""
    return replace(answer, delay=outcome.delay) if outcome.delay else answer


def _until(answer: Answer, after_tokens: int) -> tuple[Chunk, ...]:
    """The chunks up to a point: none for HEADERS, those before the first token for 0."""
    if after_tokens == HEADERS:
        return ()
    if answer.content_length is not None:
        return _half(answer)
    seen = 0
    for at, chunk in enumerate(answer.chunks):
        # A stream shorter than that breaks before its last event: it must not look whole.
        if chunk.terminal or (chunk.tokens and seen == after_tokens):
            return answer.chunks[:at]
        seen += bool(chunk.tokens)
    return answer.chunks


def _half(answer: Answer) -> tuple[Chunk, ...]:
    """The first half of a plain body; it is billed whole, because it was generated."""
    whole = answer.chunks[0]
    return (replace(whole, data=whole.data[: len(whole.data) // 2]),)


def _late_first_chunk(answer: Answer, seconds: float) -> Answer:
    if not answer.chunks:
        return answer
    first, *rest = answer.chunks
    # An empty chunk first, so that the headers leave before the wait.
    return replace(answer, chunks=(Chunk(b""), replace(first, delay=seconds), *rest))


def _stalled(answer: Answer, after_tokens: int, seconds: float) -> Answer:
    sent = _until(answer, after_tokens)
    if math.isinf(seconds):
        return replace(answer, chunks=sent, end=End.HANG)
    rest = answer.chunks[len(sent) :]
    if answer.content_length is not None:
        whole = answer.chunks[0].data
        rest = (Chunk(whole[len(sent[0].data) if sent else 0 :]),)
        sent = sent or (Chunk(b""),)
    if not rest:
        return answer
    return replace(answer, chunks=(*sent, replace(rest[0], delay=seconds), *rest[1:]))


def _garbage(form: Format, call: Call, answer: Answer) -> Answer:
    if answer.content_length is not None:
        body = _half(answer)[0]
        return replace(answer, chunks=(body,), content_length=len(body.data))
    sent = _until(answer, call.outcome.after)
    event = form.broken(call) if call.outcome.code == "frame" else form.garbage(call)
    return replace(answer, chunks=(*sent, Chunk(event)))


def _error_in_band(form: Format, call: Call, answer: Answer) -> Answer:
    if answer.content_length is not None:
        # Some servers say 200 and mean an error: the body tells.
        failed = form.error(call, 500, call.outcome.code, "")
        return replace(answer, chunks=failed.chunks, content_length=failed.content_length)
    sent = _until(answer, call.outcome.after)
    event = Chunk(form.error_event(call, call.outcome.code, len(sent)))
    return replace(answer, chunks=(*sent, event))
