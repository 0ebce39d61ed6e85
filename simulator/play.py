"""Plays an answer's timed chunks into a connection, whichever HTTP it speaks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from simulator.message import Answer, Chunk, End, Usage
from simulator.recorder import Recorded, Recorder

_BATCH_BYTES = 16 << 10
_NOTHING = Usage()


class Sink(Protocol):
    """Where an answer goes: one request's side of a connection."""

    def start(self, answer: Answer) -> None:
        """Send the head."""

    async def send(self, chunks: list[Chunk], sent: Callable[[list[Chunk]], None]) -> None:
        """Send pieces of the body, each framed on its own; returns when the peer keeps up.

        `sent` is told of pieces as soon as their bytes have left, before anything is waited for:
        a client may answer a piece by leaving.
        """

    async def complete(self) -> None:
        """Say that the body is whole."""

    async def reset(self) -> None:
        """Break off, once what was sent has arrived."""

    async def close(self) -> None:
        """Close in an orderly way before the body is whole."""


async def play(
    answer: Answer, sink: Sink, recorder: Recorder | None, record: Recorded | None
) -> None:
    """Send an answer as planned; cancelled when the client leaves.

    The record is finished in every case, and bills the chunks that were sent.
    """

    def sent(chunks: list[Chunk]) -> None:
        if recorder and record and answer.usage is not None:
            recorder.sent(record, chunks, answer.usage)

    left = True
    try:
        await _wait(answer.delay)
        if answer.status:
            sink.start(answer)
            if recorder and record:
                recorder.answered(record, answer.status)
        for chunks in _batches(answer.chunks):
            await _wait(chunks[0].delay)
            await sink.send(chunks, sent)
        match answer.end:
            case End.COMPLETE:
                await sink.complete()
            case End.HANG:
                await _wait(math.inf)
            case End.RESET:
                await sink.reset()
            case End.FIN:
                await sink.close()
        left = False
    finally:
        if recorder and record:
            recorder.finish(record, disconnected=left)


def at_once(answer: Answer, most_bytes: int) -> bool:
    """Whether an answer can be written in one go: no time passes in it, and it is small."""
    return (
        answer.end is End.COMPLETE
        and not answer.delay
        and sum(len(chunk.data) for chunk in answer.chunks) <= most_bytes
        and not any(chunk.delay for chunk in answer.chunks)
    )


def bill_at_once(answer: Answer, recorder: Recorder, record: Recorded) -> None:
    """Record an answer that was written in one go."""
    recorder.answered(record, answer.status)
    recorder.sent(record, answer.chunks, answer.usage or _NOTHING)
    recorder.finish(record, disconnected=False)


def _batches(chunks: tuple[Chunk, ...]) -> list[list[Chunk]]:
    """Chunks that leave together, by size: a new batch begins wherever time passes."""
    found: list[list[Chunk]] = []
    size = 0
    for chunk in chunks:
        if not found or chunk.delay or size > _BATCH_BYTES:
            found.append([])
            size = 0
        found[-1].append(chunk)
        size += len(chunk.data)
    return found


async def _wait(seconds: float) -> None:
    if math.isinf(seconds):
        await asyncio.get_running_loop().create_future()
    elif seconds:
        await asyncio.sleep(seconds)
