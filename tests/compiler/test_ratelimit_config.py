"""The file for the reference rate-limit service answers the descriptors that Envoy asks by."""

from __future__ import annotations

from compiler.plan_accounts import Team
from compiler.ratelimit_config import ratelimit_config
from tests.e2e.account_plans import limit, plan, rest, tenant
from tests.e2e.llm_gateway import AT
from xds.edge.limit import Each


def test_each_limit_on_requests_is_a_descriptor_by_its_id():
    """Those of one counter, and those of one for each; what it cannot count is left out."""
    made = plan(
        rest(limits=(limit("5 requests/minute", place="route/orders", each=Each.CLIENT),)),
        limits=(
            limit("9 requests/second"),
            limit("1000 tokens/day"),
            limit("4 concurrent"),
            limit("7 requests/hour", per_edge=True),
            limit("8 requests/hour", each=Each.KEY),
        ),
        tenants=(
            tenant(
                "acme",
                limits=(limit("3 requests/day", place="tenant/acme"),),
                teams=(
                    Team(
                        *("ml", None, (limit("2 requests/hour", place="team/acme/ml"),)),
                        *((), (), (), AT),
                    ),
                ),
            ),
        ),
    )
    assert ratelimit_config(made) == {
        "domain": "test",
        "descriptors": [
            {
                "key": "limit",
                "value": "gateway/requests/second",
                "rate_limit": {"unit": "second", "requests_per_unit": 9},
            },
            {
                "key": "limit",
                "value": "route/orders/requests/minute/each-client",
                "descriptors": [
                    {
                        "key": "remote_address",
                        "rate_limit": {"unit": "minute", "requests_per_unit": 5},
                    }
                ],
            },
            {
                "key": "limit",
                "value": "team/acme/ml/requests/hour",
                "rate_limit": {"unit": "hour", "requests_per_unit": 2},
            },
            {
                "key": "limit",
                "value": "tenant/acme/requests/day",
                "rate_limit": {"unit": "day", "requests_per_unit": 3},
            },
        ],
    }
