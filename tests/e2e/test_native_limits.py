"""Limits on requests that the real Envoy counts itself, or asks a rate-limit service about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.guards import Carrier, choose_guards, needs_edge
from compiler.plan import Respond
from compiler.plan_accounts import Edge, Team
from compiler.plan_policies import Applied
from compiler.ratelimit_config import ratelimit_config
from policies.trusted_hops import TrustedHops
from tests.e2e import llm_gateway as llm
from tests.e2e.account_plans import KEYS, NOBODY, gateway, jwt, limit, plan, rest, tenant
from tests.e2e.envoy_versions import OLDEST, envoy_of
from tests.e2e.llm_gateway import AT
from tests.e2e.llm_upstream import chat
from tests.e2e.llm_upstream import upstream as llm_upstream
from tests.e2e.recording_edge import edge, limit_v3, ok
from tests.e2e.rest_upstream import upstream
from tests.e2e.test_native_identity import Signer, bearer, issuer, key_set
from tests.ports import free_port
from xds.edge.limit import Away, Each

OK, OVER = limit_v3.RateLimitResponse.OK, limit_v3.RateLimitResponse.OVER_LIMIT


@pytest.fixture(scope="module")
def service():
    with upstream() as started:
        yield started


@pytest.fixture(scope="module")
def signer():
    return Signer("one")


def statuses(running, path: str, count: int, **headers: str) -> list[int]:
    return [running.client.get(path, headers=headers).status_code for _ in range(count)]


def test_a_limit_per_edge_is_a_bucket_of_its_route(service, tmp_path):
    """Other routes have their own; the answer says when to come again."""
    two = limit("2 requests/hour", place="route/orders", owner="route `orders`", per_edge=True)
    made = plan(rest(limits=(two,)), rest(name="open", path="/open"), port=service.port)
    assert {guard.carrier for guard in choose_guards(made)} == {Carrier.NATIVE}
    with gateway(made, tmp_path) as running:
        assert statuses(running, "/orders", 3) == [200, 200, 429]
        assert statuses(running, "/open", 4) == [200] * 4
        refused = running.client.get("/orders")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["title"] == "Too Many Requests"
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        assert refused.headers["x-ratelimit-limit"].startswith("2")
        assert refused.headers["x-ratelimit-remaining"] == "0"


def test_a_gateways_limit_per_edge_is_for_all_routes_together(service, tmp_path):
    """Also for those that Envoy answers itself."""
    answers = replace(rest(name="a", path="/answers"), action=Respond(200, "x", "text/plain"))
    made = plan(
        rest(), answers, port=service.port, limits=(limit("3 requests/hour", per_edge=True),)
    )
    with gateway(made, tmp_path) as running:
        assert statuses(running, "/orders", 2) == [200, 200]
        assert statuses(running, "/answers", 2) == [200, 429]
        assert statuses(running, "/orders", 1) == [429]


def test_a_burst_is_how_much_may_come_at_once(service, tmp_path):
    """However little comes back in a time."""
    five = limit("1 requests/hour", per_edge=True, burst=5)
    with gateway(plan(rest(), port=service.port, limits=(five,)), tmp_path) as running:
        assert statuses(running, "/orders", 6) == [200] * 5 + [429]


def test_a_route_of_models_has_one_bucket_for_all_of_its_operations(tmp_path):
    """Though it is dozens of Envoy routes; models and providers have theirs;."""
    with llm_upstream(chat()) as provider:
        models = [llm.model(name, f"a/{name}") for name in ("fast", "slow")]
        models[0] = replace(
            models[0], limits=(limit("2 requests/hour", place="model/fast", per_edge=True),)
        )
        named = llm.provider("a", provider)
        named = replace(
            named, limits=(limit("4 requests/hour", place="provider/a", per_edge=True),)
        )
        route = replace(llm.serve(*models), limits=(limit("9 requests/hour", per_edge=True),))
        made = plan(route, providers=(named,), models=tuple(models))
        with gateway(made, tmp_path) as running:
            assert [running.chat("fast").status_code for _ in range(3)] == [200, 200, 429]
            refused = running.chat("fast")
            assert refused.json()["error"]["type"] == "rate_limit_error"
            assert int(refused.headers["retry-after"]) > 0
            assert [running.chat("slow").status_code for _ in range(3)] == [200, 200, 429]


def test_limits_per_edge_may_be_of_each_tenant_user_or_key(service, signer, tmp_path):
    """Of whom a filter before has found; of a tenant or a team by its name."""
    each_user = limit("2 requests/hour", place="route/orders", each=Each.USER, per_edge=True)
    acme = limit("3 requests/hour", place="tenant/acme", per_edge=True)
    team = limit("1 requests/hour", place="team/acme/search", per_edge=True)
    made = plan(
        rest(jwt(), limits=(each_user,)),
        port=service.port,
        tenants=(
            tenant("acme", limits=(acme,), teams=(Team("search", None, (team,), (), (), (), AT),)),
            tenant("bolt"),
        ),
        issuers=(issuer(key_set(signer)),),
    )
    with gateway(made, tmp_path) as running:

        def ask(count: int, **claims: str) -> list[int]:
            return statuses(running, "/orders", count, **bearer(signer.token(**claims)))

        assert ask(3, org="bolt", sub="a") == [200, 200, 429]
        assert ask(2, org="bolt", sub="b") == [200, 200]
        assert ask(2, org="acme", sub="c", team="search") == [200, 429]
        # What one limit refuses is not taken from the others.
        assert ask(2, org="acme", sub="d") == [200, 200]
        assert ask(1, org="acme", sub="e") == [429]


def test_limits_per_edge_hold_for_keys_that_the_edge_found(service, tmp_path):
    """By the metadata of its answer."""
    each_key = limit("2 requests/hour", place="route/orders", each=Each.KEY, per_edge=True)
    made = plan(rest(KEYS, limits=(each_key,)), port=service.port, tenants=(tenant("acme"),))
    with edge(tmp_path / "edge") as asked, gateway(made, tmp_path) as running:
        asked.check = lambda request: ok(
            {"tenant": "acme", "key": request.attributes.request.http.headers["x-api-key"]}
        )
        assert statuses(running, "/orders", 3, **{"x-api-key": "a"}) == [200, 200, 429]
        assert statuses(running, "/orders", 3, **{"x-api-key": "b"}) == [200, 200, 429]


def test_more_clients_than_envoy_remembers_by_itself_keep_their_buckets(service, tmp_path):
    """Its own bound is 20: the first of 60 would begin anew."""
    each = limit("1 requests/hour", each=Each.CLIENT, per_edge=True)
    made = plan(rest(), port=service.port, limits=(each,))
    hops = Applied("trusted_hops", TrustedHops(1), AT)
    made = replace(made, listeners=(replace(made.listeners[0], policies=(hops,)),))
    with gateway(made, tmp_path) as running:
        clients = [f"198.51.100.{number}" for number in range(60)]
        for expected in (200, 429):
            found = [
                running.client.get("/orders", headers={"x-forwarded-for": one}).status_code
                for one in clients
            ]
            assert set(found) == {expected}


@pytest.fixture
def shared(service, signer):
    """A plan whose limits on requests are shared by all Envoys, and need nothing else."""
    fast = replace(llm.model("fast", "a/gpt-x"), limits=(limit("7 requests/minute", place="m"),))
    return plan(
        rest(jwt(), limits=(limit("5 requests/minute", place="route/orders", each=Each.CLIENT),)),
        rest(NOBODY, name="open", path="/open"),
        replace(llm.serve(fast), auth=(jwt(),)),
        port=service.port,
        limits=(limit("9 requests/second"),),
        tenants=(
            tenant(
                "acme",
                limits=(
                    limit("20 requests/minute", place="tenant/acme"),
                    limit("99 requests/hour", place="tenant/acme"),
                ),
                teams=(
                    Team(
                        "ml", None, (limit("3 requests/minute", place="team/a/ml"),), (), (), (), AT
                    ),
                ),
            ),
            tenant("bolt"),
        ),
        issuers=(issuer(key_set(signer)),),
        models=(fast,),
        providers=(llm.provider("a", 1),),
    )


def test_a_rate_limit_service_is_asked_about_all_limits_of_a_request_at_once(
    shared, signer, tmp_path
):
    """Those of the gateway, the route, the model, the tenant and the team, by their ids."""
    carriers = {guard.route: guard.carrier for guard in choose_guards(shared)}
    assert carriers == {
        **dict.fromkeys(("orders", "open", "llm"), Carrier.RATELIMIT),
        "plain": Carrier.EDGE,  # Envoy asks no rate-limit service where it answers itself
    }
    with edge(tmp_path / "edge") as asked, gateway(shared, tmp_path) as running:
        everybody = {"limit": "gateway/requests/second"}
        for org, more in (("bolt", {}), ("acme", {}), ("acme", {"team": "ml"})):
            headers = bearer(signer.token(org=org, **more))
            assert running.client.get("/orders", headers=headers).status_code == 200
        running.client.get("/open")
        running.client.headers.update(bearer(signer.token(org="bolt")))
        running.chat()
        route = {
            "limit": "route/orders/requests/minute/each-client",
            "remote_address": "127.0.0.1",
        }
        acme = [
            {"limit": "tenant/acme/requests/minute"},
            {"limit": "tenant/acme/requests/hour"},
        ]
        assert [sorted(one, key=str) for one in asked.descriptors()] == [
            sorted(one, key=str)
            for one in (
                [everybody, route],
                [everybody, route, *acme],
                [everybody, route, *acme, {"limit": "team/a/ml/requests/minute"}],
                [everybody],
                [everybody, {"limit": "m/requests/minute"}],
            )
        ]
        assert {question.domain for question in asked.questions} == {"test"}
        assert not asked.checks
        known = {one["value"]: one for one in ratelimit_config(shared)["descriptors"]}
        for entries in (entries for one in asked.descriptors() for entries in one):
            wanted = known[entries.pop("limit")]
            assert [one["key"] for one in wanted.get("descriptors", ())] == list(entries)


def test_what_is_over_a_limit_is_429_in_the_clients_schema(shared, signer, tmp_path):
    """With the service's numbers in the headers."""

    def over(_asked):
        answer = limit_v3.RateLimitResponse(overall_code=OVER)
        status = answer.statuses.add(code=OVER, limit_remaining=0)
        status.current_limit.requests_per_unit = 5
        status.current_limit.unit = limit_v3.RateLimitResponse.RateLimit.MINUTE
        status.duration_until_reset.seconds = 17
        return answer

    with edge(tmp_path / "edge") as asked, gateway(shared, tmp_path) as running:
        asked.should = over
        running.client.headers.update(bearer(signer.token(org="bolt")))
        refused = running.client.get("/orders")
        assert (refused.status_code, refused.json()["status"]) == (429, 429)
        assert refused.headers["retry-after"] == "17"
        assert refused.headers["x-ratelimit-remaining"] == "0"
        refused = running.chat()
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert "a limit is used up" in refused.json()["error"]["message"]

        def told(question):
            answer = over(question)
            answer.dynamic_metadata.update({"message": 'tenant `bolt` is limited to "5" a minute'})
            return answer

        asked.should = told
        message = 'tenant `bolt` is limited to "5" a minute'
        assert running.chat().json()["error"]["message"] == message
        assert running.client.get("/orders").json()["detail"] == message


@pytest.mark.parametrize(("away", "status"), [(Away.CLOSED, 503), (Away.OPEN, 200)])
def test_without_a_rate_limit_service_the_limits_own_mode_holds(service, tmp_path, away, status):
    """503 where one of them says `closed`."""
    made = plan(rest(), port=service.port, limits=(limit("9 requests/second", away=away),))
    with gateway(made, tmp_path) as running:
        assert running.client.get("/orders").status_code == status


def test_a_rate_limit_service_of_yours_may_answer(service, tmp_path):
    """By `edge.ratelimit`; then nothing of ours has to run."""
    address = f"127.0.0.1:{free_port()}"
    made = plan(
        rest(),
        port=service.port,
        limits=(limit("9 requests/second"),),
        edge=Edge(folder="edge", ratelimit=address),
    )
    made = replace(made, routes=made.routes[:1])
    assert not needs_edge(made)
    with edge(tmp_path / "none", address=address) as asked, gateway(made, tmp_path) as running:
        assert running.client.get("/orders").status_code == 200
        assert asked.descriptors() == [[{"limit": "gateway/requests/second"}]]


def test_the_oldest_envoy_keeps_the_same_limits(service, signer, tmp_path):
    """It only does not say `retry-after`, which came later."""
    made = plan(
        rest(jwt(), limits=(limit("2 requests/hour", place="route/orders", per_edge=True),)),
        port=service.port,
        limits=(limit("9 requests/second"),),
        tenants=(tenant("acme", claims=("acme-inc",)),),
        issuers=(issuer(key_set(signer)),),
    )
    made = replace(made, envoy=(1, 36), routes=made.routes[:1])
    with (
        edge(tmp_path / "edge") as asked,
        gateway(made, tmp_path, envoy=envoy_of(OLDEST)) as running,
    ):
        headers = bearer(signer.token())
        assert statuses(running, "/orders", 3, **headers) == [200, 200, 429]
        assert asked.descriptors() == [[{"limit": "gateway/requests/second"}]] * 3
        assert running.client.get("/orders").status_code == 401
        refused = running.client.get("/orders", headers=headers)
        assert int(refused.headers["x-ratelimit-reset"]) > 0
        assert "retry-after" not in refused.headers
