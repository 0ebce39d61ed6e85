"""Room for large bodies: in the order of arrival, and given back whatever becomes of who has it."""

from __future__ import annotations

import asyncio

import pytest

from ext_authz.service.room import Room


async def turns():
    """Let whoever can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_finds_no_room_waits_for_a_turn():
    async def check():
        room, let_in = Room(10), []

        async def enter(name, wanted):
            taken = await room.take(wanted)
            let_in.append(name)
            return taken

        first = await enter("first", 6)
        tasks = [asyncio.create_task(enter(*one)) for one in (("large", 6), ("small", 1))]
        await turns()
        assert let_in == ["first"], "nobody passes by who came before"
        room.give(first)
        await turns()
        assert let_in == ["first", "large", "small"]
        await asyncio.gather(*tasks)

    asyncio.run(check())


def test_what_is_larger_than_all_takes_all():
    async def check():
        room = Room(10)
        assert await room.take(99) == 10
        waiting = asyncio.create_task(room.take(1))
        await turns()
        assert not waiting.done()
        room.give(10)
        assert await waiting == 1

    asyncio.run(check())


@pytest.mark.parametrize("given_first", [False, True])
def test_who_goes_away_waiting_takes_nothing(given_first):
    """Also where the turn had come and was not taken yet."""

    async def check():
        room = Room(10)
        taken = await room.take(10)
        gone = asyncio.create_task(room.take(8))
        after = asyncio.create_task(room.take(8))
        await turns()
        if given_first:
            room.give(taken)
            gone.cancel()
        else:
            gone.cancel()
            await turns()
            room.give(taken)
        assert await after == 8
        with pytest.raises(asyncio.CancelledError):
            await gone
        room.give(8)
        assert await room.take(10) == 10

    asyncio.run(check())
