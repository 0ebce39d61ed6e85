"""A real Envoy asks our rate-limit service, on counters that are really there."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest

from compiler.guards import Carrier, choose_guards
from compiler.lower.accounts.rules import edge_rules
from ext_authz.counters.valkey import ValkeyCounters
from ext_authz.ratelimit import limits_by_id, should_rate_limit
from tests.e2e.account_plans import gateway, limit, plan, rest
from tests.e2e.recording_edge import edge, limit_v3
from tests.e2e.rest_upstream import upstream
from xds.edge.limit import Each

pytestmark = pytest.mark.e2e


@contextmanager
def service(made, store_url):
    """Our service on a loop of its own, as a function from request to response."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait_for(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    counters = ValkeyCounters(store_url, made.name, timeout_ms=5000)
    limits = limits_by_id(edge_rules(made, choose_guards(made)))

    def should(request):
        answer = wait_for(should_rate_limit(request.SerializeToString(), limits, counters))
        return limit_v3.RateLimitResponse.FromString(answer)

    try:
        yield should
    finally:
        wait_for(counters.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_envoy_admits_what_the_limits_say_and_tells_it(store_url, tmp_path):
    """Three pass, the fourth is told when to come again; the gateway's own limit is counted too."""
    each = limit("3 requests/hour", place="route/orders", owner="route", each=Each.CLIENT)
    whole = limit("100 requests/day")
    with upstream() as orders:
        made = plan(rest(limits=(each,)), port=orders.port, limits=(whole,))
        carriers = {guard.route: guard.carrier for guard in choose_guards(made)}
        assert carriers["orders"] is Carrier.RATELIMIT
        with (
            service(made, store_url) as should,
            edge(tmp_path / "edge") as asked,
            gateway(made, tmp_path) as running,
        ):
            asked.should = should
            answers = [running.client.get("/orders") for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
            told = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
            assert told == [2, 1, 0, 0, 0]
            assert 3590 <= int(answers[-1].headers["retry-after"]) <= 3660
            assert answers[-1].json()["status"] == 429
            said = f"{each.limit.owner} is limited to {each.limit.text}; try again in 61 min"
            assert answers[-1].json()["detail"] == said
            statuses = should(asked.questions[-1]).statuses
            left = {status.current_limit.name: status.limit_remaining for status in statuses}
            assert left == {each.limit.id: 0, whole.limit.id: 97}
