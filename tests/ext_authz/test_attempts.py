"""Attempts over gRPC: what is waited for, what an attempt goes on with, and what is counted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import grpc
import pytest

from ext_authz.service.arrivals import PATIENCE
from ext_authz.service.attempts import Attempts
from ext_authz.service.desk import Desk
from ext_authz.service.server import serve
from ext_authz.service.tally import Tally
from ext_authz.subscription.served import Served
from tests.process.driving import Stream, operation, upstream
from tests.translate.drive import question
from tests.translate.facts import scenarios
from tests.translate.wire_formats import WIRES
from xds.edge.attempt import METHOD, UPSTREAM
from xds.edge.processing import Processing, Redaction

BODY = question("chat", stream=False)
MADE = Processing(upstreams={"up": upstream("anthropic")}, operations={"route": operation("chat")})


@pytest.fixture
def over(tmp_path):
    """Run a coroutine with attempts, their tally, and a channel to them."""

    def run(check):
        async def whole():
            tally = Tally()
            attempts = Attempts(tally)
            path = tmp_path / "worker.sock"
            server = await serve(Desk(lambda _: None, tally), attempts, path)
            async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
                await check(attempts, tally, channel)
            await server.stop(0)

        asyncio.run(whole())

    return run


class Call:
    """One stream: says messages and hears answers."""

    def __init__(self, channel, cluster="up"):
        self.call = channel.stream_stream(METHOD)(metadata=((UPSTREAM, cluster),))
        self.stream = Recording(None)

    async def say(self):
        for message in self.stream.said:
            await self.call.write(message)
        self.stream.said.clear()

    async def hear(self, count):
        for _ in range(count):
            answer = await self.call.read()
            if answer is grpc.aio.EOF:
                return
            self.stream.hear(answer)


class Recording(Stream):
    """Keeps the messages that it would say."""

    def __post_init__(self):
        self.said = []
        recording = self

        class Attempt:
            def take(self, message, _processor):
                recording.said.append(message)
                return []

        self.attempt = Attempt()


def counted(tally, name, **labels):
    return tally.registry.get_sample_value(name, labels) or 0


def test_an_exchange_over_a_socket(over):
    async def check(attempts, tally, channel):
        attempts.take(Served(processing=MADE))
        call = Call(channel)
        call.stream.ask(BODY)
        await call.say()
        await call.hear(2)
        assert call.stream.request.headers[":path"] == "/v1/messages"
        call.stream.answer_head().answer_body(WIRES["anthropic"].whole(scenarios()["text"]))
        await call.say()
        await call.hear(2)
        assert call.stream.json["object"] == "chat.completion"
        await call.call.done_writing()
        assert await call.call.code() is grpc.StatusCode.OK
        told = {"mode": "whole", "outcome": "answered", "kind": ""}
        assert counted(tally, "gatewright_edge_attempts_total", **told) == 1

    over(check)


def test_large_bodies_are_read_one_after_the_other(over, monkeypatch):
    """A third one waits unread, small ones do not, and each that ends makes room."""
    monkeypatch.setattr("ext_authz.service.attempts.ROOM", 4 << 20)
    large = question("chat", stream=False, system="x" * (2 << 20))

    async def check(attempts, _tally, channel):
        attempts.take(Served(processing=MADE))
        told = {"content-type": "application/json", "content-length": str(2 << 20)}
        first, second, third = calls = [Call(channel) for _ in range(3)]
        room = attempts.room
        for call, state in zip(calls, ((2 << 20, 0), (0, 0), (0, 1)), strict=True):
            call.stream.head(told)
            await call.say()
            async with asyncio.timeout(20):
                while (room.left, room.waiting) != state:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
        small = Call(channel)
        small.stream.ask(BODY)
        await small.say()
        await small.hear(2)
        assert small.stream.request.body

        async def whole(call):
            call.stream.body(large)
            await call.say()
            await call.hear(2)

        held_back = asyncio.create_task(whole(third))
        await whole(first)
        await held_back
        assert third.stream.request.body == first.stream.request.body
        second.call.cancel()

    over(check)


def test_what_is_not_known_yet_is_waited_for(over):
    """Envoy may have its clusters before the edge knows them; who never comes fails closed."""

    async def check(attempts, tally, channel):
        call = Call(channel)
        call.stream.head()
        await call.say()
        await asyncio.sleep(0.05)
        attempts.take(Served(processing=replace_upstreams(MADE, {})))
        await asyncio.sleep(0.05)
        attempts.take(Served(processing=MADE))
        call.stream.body(BODY)
        await call.say()
        await call.hear(2)
        assert call.stream.request.ended
        call.call.cancel()
        lost = Call(channel, "other")
        began = asyncio.get_running_loop().time()
        lost.stream.head({":path": "/v1/messages"})
        await lost.say()
        await lost.hear(1)
        assert asyncio.get_running_loop().time() - began >= PATIENCE
        assert lost.stream.replied.status.code == 503
        assert json.loads(lost.stream.replied.body)["type"] == "error"
        assert await lost.call.code() is grpc.StatusCode.OK
        told = {"mode": "unknown", "outcome": "refused", "kind": "unknown"}
        assert counted(tally, "gatewright_edge_attempts_total", **told) == 1

    over(check)


def replace_upstreams(made, upstreams):
    return Processing(upstreams=upstreams, operations=made.operations)


def test_an_attempt_goes_on_with_what_it_began_with(over):
    async def check(attempts, _tally, channel):
        attempts.take(Served(processing=MADE))
        call = Call(channel)
        call.stream.head()
        await call.say()
        other = replace_upstreams(MADE, {"up": upstream("gemini")})
        await asyncio.sleep(0.05)
        attempts.take(Served(processing=other))
        call.stream.body(BODY)
        await call.say()
        await call.hear(2)
        assert call.stream.request.headers[":path"] == "/v1/messages"
        after = Call(channel)
        after.stream.ask(BODY)
        await after.say()
        await after.hear(2)
        assert "gemini" in after.stream.request.headers[":path"]
        call.call.cancel()
        after.call.cancel()

    over(check)


def test_a_secret_that_comes_makes_a_redaction_usable(over):
    """And what was found is counted, by detector."""
    made = Processing(
        upstreams=MADE.upstreams,
        operations={"route": operation("chat", redact=("r",))},
        redactions={"r": Redaction(detect=("email",), action="hash", hash_key="key")},
    )

    async def check(attempts, tally, channel):
        served = Served(processing=made)
        assert served.wanted_secrets == {"key"}
        attempts.take(served)
        body = question("chat", stream=False).replace(b'"?"', b'"bob@example.com"')
        for secrets, refused in (({}, True), ({"key": "k" * 32}, False)):
            attempts.take(replace(served, secrets=secrets))
            call = Call(channel)
            call.stream.ask(body)
            await call.say()
            await call.hear(1 if refused else 2)
            assert (call.stream.replied is not None) == refused
            await call.call.done_writing()
            await call.call.code()
        assert b"<EMAIL:" in call.stream.request.body
        assert counted(tally, "gatewright_edge_redacted_total", detector="email") == 1

    over(check)
