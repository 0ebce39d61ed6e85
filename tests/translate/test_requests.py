"""Every request of the corpus becomes the provider's request that was written down beside it."""

from __future__ import annotations

import json

import pytest

from ext_authz.translate.errors import RefusedError
from ext_authz.translate.translator import translate
from tests.translate.drive import MOMENT, target
from tests.translate.facts import compact, load
from xds.edge.pairs import ClientApi

CASES = load("requests")


def exchange(case):
    body = compact(case["request"]).encode()
    client = ClientApi(case.get("client", "chat"))
    return translate(client, target(**case["target"]), body, case.get("sent", {}), MOMENT)


@pytest.mark.parametrize("case", [c for c in CASES if "error" not in c], ids=lambda c: c["name"])
def test_a_request_becomes_the_providers(case):
    upstream = exchange(case).upstream
    assert json.loads(upstream.body) == case["upstream"]
    assert upstream.path == case.get("path", upstream.path)
    headers = dict(upstream.headers)
    assert {name: headers.get(name) for name in case.get("headers", {})} == case.get("headers", {})
    assert list(upstream.dropped) == case.get("dropped", list(upstream.dropped))
    assert upstream.stream == bool(case["request"].get("stream"))


@pytest.mark.parametrize("case", [c for c in CASES if "error" in c], ids=lambda c: c["name"])
def test_a_request_that_cannot_be_served_says_why(case):
    with pytest.raises(RefusedError) as refused:
        exchange(case)
    assert case["error"] in str(refused.value)
    assert refused.value.failure.status == 400
