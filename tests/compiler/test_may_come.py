"""Envoy's own rules let in whom the edge would let in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.lower.accounts.access import may_come
from compiler.plan_accounts import Grant
from ext_authz.admission.access import may_enter
from ext_authz.admission.book import Book
from ext_authz.admission.identity import Identity
from ext_authz.admission.question import read_question
from tests.e2e.account_plans import jwt, rest, tenant
from tests.e2e.llm_gateway import AT
from tests.ext_authz.asking import question
from xds.edge import rules

GRANT = Grant(None, "orders", "bo", "ana", None, "", AT)


@pytest.mark.parametrize("allow", [None, ("acme",), ("other",)])
@pytest.mark.parametrize("on_request", [False, True])
@pytest.mark.parametrize("routes", [None, ("orders",), ("else",)])
@pytest.mark.parametrize("grants", [(), (GRANT,), (replace(GRANT, approved_by=None),)])
def test_envoy_and_edge_let_in_the_same(allow, on_request, routes, grants):
    """Whatever the route says, and whatever the tenant has or was granted."""
    route = rest(jwt(), on_request=on_request, allow=allow)
    known = tenant("acme", routes=routes, grants=grants)
    approved = tuple(rules.Grant(route="orders") for grant in grants if grant.approved_by)
    book = Book(
        rules.Rules(
            gateway="g",
            routes={"orders": rules.Route(auth=("jwt:c",), on_request=on_request, allow=allow)},
            tenants={"acme": rules.Tenant(routes=routes, grants=approved)},
        )
    )
    denied = may_enter(book, read_question(question("orders")), Identity("jwt", "acme"), 0.0)
    assert may_come(known, route) is (denied is None)
