"""Each difference between `decide` and Envoy that was ever found, by its name."""

import pytest

from compiler.decide.decide import decide
from tests.decide import rest_pairs
from tests.decide.rest_regressions import REGRESSIONS

PORTS = {"s1": 1, "s2": 2, "s3": 3}


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda one: one.name)
def test_decided(regression):
    """It is decided as Envoy does it."""
    drawn = rest_pairs.compiled(regression.name, regression.document, PORTS)
    trace = decide(drawn.plan, regression.asked)
    leads = trace.location or ""
    for sent in trace.sent:
        leads = f"{sent.to} {sent.path} {sent.host}"
    assert (trace.status or 200, leads) == (regression.status, regression.leads)


def test_envoy_does_so():
    """One Envoy says the same of all of them."""
    result = rest_pairs.Result()
    with rest_pairs.echoing(sorted(PORTS)) as ports:
        drawn = [rest_pairs.compiled(one.name, one.document, ports) for one in REGRESSIONS]
        asked = [[one.asked] for one in REGRESSIONS]
        rest_pairs.hold(drawn, asked, decide, result)
    assert not result.differences, "\n".join(result.differences)
