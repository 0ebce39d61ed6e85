"""Envoy's rate-limit protocol over counters."""

from __future__ import annotations

import asyncio

import pytest

from ext_authz.counters.counters import CountersAwayError
from ext_authz.counters.embedded import EmbeddedCounters
from ext_authz.ratelimit import limits_by_id, should_rate_limit
from tests.counters.charges import charge, limit
from xds.edge.limit import Away, Each, Period, Shape, Unit
from xds.edge.rules import Route, Rules, Tenant
from xds.schema import envoy

pb = envoy.service.ratelimit.v3
OK, OVER_LIMIT = pb.RateLimitResponse.OK, pb.RateLimitResponse.OVER_LIMIT

WHOLE = limit(amount=3, id="gateway/requests/minute")
CLIENTS = limit(amount=2, id="route/chat/requests/minute/each-client", each=Each.CLIENT)
ACME = limit(Unit.TOKENS, 5000, Period.DAY, Shape.CALENDAR, id="tenant/acme/tokens/day")
OPEN = limit(amount=1, id="tenant/acme/requests/hour", away=Away.OPEN)
RULES = Rules(
    gateway="edge",
    limits=(WHOLE,),
    routes={"chat": Route(auth=("none",), limits=(CLIENTS,))},
    tenants={"acme": Tenant(limits=(ACME, OPEN))},
)
NOON = 1_800_014_400_000


def request(*descriptors, domain="edge", **more):
    made = pb.RateLimitRequest(domain=domain, **more)
    for entries in descriptors:
        descriptor = made.descriptors.add()
        for key, value in entries.items():
            descriptor.entries.add(key=key, value=value)
    return made.SerializeToString()


class Service:
    def __init__(self, counters):
        self.limits, self.counters = limits_by_id(RULES), counters

    async def __call__(self, *descriptors, **more):
        body = request(*descriptors, **more)
        answer = await should_rate_limit(body, self.limits, self.counters)
        return pb.RateLimitResponse.FromString(answer)


class AwayCounters:
    async def reserve(self, reservation, charges, hold_ms):
        raise CountersAwayError("away")


def drive(path, scenario):
    async def run():
        counters = EmbeddedCounters(path / "counters.db", clock=lambda: NOON)
        await scenario(Service(counters))
        await counters.close()

    asyncio.run(run())


def test_a_request_under_two_limits_must_have_room_in_both(tmp_path):
    """What is refused by one limit is taken of none, and each descriptor is told its own state."""

    async def scenario(ask):
        whole = {"limit": WHOLE.id}
        one = {"limit": CLIENTS.id, "remote_address": "192.0.2.1"}
        two = {"limit": CLIENTS.id, "client": "192.0.2.2"}
        answer = await ask(whole, one)
        assert answer.overall_code == OK
        assert [status.limit_remaining for status in answer.statuses] == [2, 1]
        assert (await ask(whole, one)).overall_code == OK
        answer = await ask(whole, one)
        assert answer.overall_code == OVER_LIMIT
        assert [status.code for status in answer.statuses] == [OK, OVER_LIMIT]
        assert [status.limit_remaining for status in answer.statuses] == [1, 0]
        assert answer.statuses[1].duration_until_reset.seconds in (60, 61)
        assert (await ask(whole, two)).overall_code == OK
        answer = await ask(whole, two)
        assert [status.code for status in answer.statuses] == [OVER_LIMIT, OK]

    drive(tmp_path, scenario)


def test_a_status_says_the_limit(tmp_path):
    """Amount, unit and name are those of the policy, the time is the calendar's."""

    async def scenario(ask):
        answer = await ask({"limit": ACME.id}, hits_addend=1200)
        (status,) = answer.statuses
        assert status.current_limit.requests_per_unit == 5000
        assert status.current_limit.unit == pb.RateLimitResponse.RateLimit.DAY
        assert status.current_limit.name == ACME.id
        assert status.limit_remaining == 3800
        assert status.duration_until_reset.seconds == 12 * 3600

    drive(tmp_path, scenario)


def test_what_is_not_known_is_ok(tmp_path):
    """Descriptors of no limit, and other gateways' domains, are let pass uncounted."""

    async def scenario(ask):
        for _ in range(5):
            answer = await ask({"limit": "gone"}, {"other": "x"}, {})
            assert answer.overall_code == OK
            assert [status.code for status in answer.statuses] == [OK, OK, OK]
            assert (await ask({"limit": WHOLE.id}, domain="other")).overall_code == OK
        assert (await ask({"limit": WHOLE.id})).statuses[0].limit_remaining == 2

    drive(tmp_path, scenario)


def test_a_descriptor_may_say_its_own_hits(tmp_path):
    """`hits_addend` of a descriptor goes before the request's; negative hits count nothing."""

    async def scenario(ask):
        made = pb.RateLimitRequest(domain="edge", hits_addend=1)
        descriptor = made.descriptors.add()
        descriptor.entries.add(key="limit", value=ACME.id)
        descriptor.hits_addend.value = 700
        negative = made.descriptors.add(is_negative_hits=True)
        negative.entries.add(key="limit", value=WHOLE.id)
        answer = await should_rate_limit(made.SerializeToString(), ask.limits, ask.counters)
        statuses = pb.RateLimitResponse.FromString(answer).statuses
        assert statuses[0].limit_remaining == 4300
        assert not statuses[1].HasField("current_limit")

    drive(tmp_path, scenario)


def test_admission_and_the_service_count_in_the_same_counter(tmp_path):
    """A limit is one limit, whoever asks."""

    async def scenario(ask):
        await ask.counters.reserve("a request", [charge(WHOLE)], 1000)
        assert (await ask({"limit": WHOLE.id})).statuses[0].limit_remaining == 1

    drive(tmp_path, scenario)


def test_counters_that_are_away_are_as_the_limit_says():
    """Open limits let requests pass; one closed limit is enough to say that nobody knows."""

    async def scenario():
        ask = Service(AwayCounters())
        assert (await ask({"limit": OPEN.id})).overall_code == OK
        with pytest.raises(CountersAwayError):
            await ask({"limit": OPEN.id}, {"limit": WHOLE.id})

    asyncio.run(scenario())
