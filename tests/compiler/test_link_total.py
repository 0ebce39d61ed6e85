"""Linking and planning are total: faults of whatever document are reported, and not raised."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from compiler.diagnostic import Reporter, Severity
from compiler.link import link
from compiler.parse import Parsed
from compiler.plan import Plan, Serve
from compiler.plan_accounts import AuthKind
from compiler.planning import planning
from compiler.schema import GatewayDocument
from compiler.source import Span

names = st.sampled_from(["a", "b", "c", "openai"])
weights = st.integers(0, 3)
durations = st.sampled_from(["1s", "20s", "10m"])


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a mapping that has any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


def with_some(required: dict[str, Any], **keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a mapping that has these keys and any of those."""
    return st.fixed_dictionaries(required, optional=keys)


listener = st.one_of(
    st.sampled_from([80, 81]),
    with_some(
        {"port": st.sampled_from([80, 81])}, address=st.sampled_from(["127.0.0.1", "::", "0.0.0.0"])
    ),
)
addresses = st.sampled_from(["10.0.0.1:80", "[::1]:80", "a.b:80", "c:81"])
endpoint = st.one_of(
    addresses,
    with_some({"address": addresses}, weight=st.integers(1, 3), priority=st.integers(0, 2)),
)
service = with_some(
    {"endpoints": st.lists(endpoint, min_size=1, max_size=3)},
    protocol=st.sampled_from(["http1", "http2", "grpc"]),
    resolve=st.sampled_from(["dns", "logical_dns"]),
    connect_timeout=durations,
    balance=st.sampled_from(["random", {"maglev": {"source_ip": True}}]),
)
provider = with_some(
    {"api": st.sampled_from(["openai", "anthropic"])},
    url=st.sampled_from(["http://a/v1", "https://api.openai.com/v1", "https://[::1]:8000"]),
    key=st.sampled_from(["env:A", "file:b"]),
    headers=st.dictionaries(st.sampled_from(["x-a", "X-A", "host", "cookie"]), st.just("v")),
    trust=st.sampled_from(["internal", "external"]),
)
to = st.sampled_from(
    ["a/m", "b/n", "openai/gpt-4o", "openai/gpt-4o-mini", "nope/m", "a", "a/", "/m", "openai/x/y"]
)
target = st.one_of(to, with_some({"to": to}, weight=weights, timeout=durations))
tags = st.lists(st.sampled_from(["t", "u"]), max_size=2)
one_limit = st.sampled_from(
    [
        "20 requests/minute",
        "20 tokens/day",
        "5 USD/month",
        "8 concurrent",
        {"limit": "20 requests/minute", "burst": 5},
        {"limit": "8 concurrent", "burst": 5},
        {"limit": "20 requests/minute", "per": "edge"},
        {"limit": "20 tokens/day", "per": "edge"},
        {"limit": "20 requests/month", "each": "key", "window": "sliding"},
        {"limit": "20 requests/minute", "burst": "0.5", "when_away": "open"},
    ]
)
limits = st.lists(one_limit, max_size=3)
budget = st.lists(st.sampled_from(["5 USD/month", "6 USD/month", "1 USD/day"]), max_size=2)
access = st.sampled_from(["all", "on_request"])
chosen = st.lists(st.sampled_from(["a", "b", "z", "*", "c*", "tag:t", "tag:z"]), max_size=2)
ways = st.one_of(
    st.sampled_from(["keys", "jwt", "oidc", "mtls", "none"]),
    st.lists(
        st.sampled_from(["keys", "jwt", "none", "mtls", {"jwt": "a"}, {"oidc": "z"}]),
        min_size=1,
        max_size=3,
    ),
)
times = st.sampled_from(["2026-01-01", "2027-01-01"])
hashes = st.sampled_from(["ab" * 32, "cd" * 32, "ef" * 32])
key = st.one_of(
    hashes,
    with_some(
        {"sha256": hashes},
        starts=times,
        expires=times,
        revoked=times,
        previous=st.fixed_dictionaries({"sha256": hashes, "until": times}),
        models=chosen,
        limits=limits,
        budget=budget,
    ),
)
keys = st.dictionaries(names, key, max_size=2)
inherited = {
    "models": chosen,
    "routes": chosen,
    "limits": limits,
    "budget": budget,
    "tags": tags,
    "addresses": st.just(["10.0.0.0/8"]),
}
tier = some(extends=names, **inherited)
grant = some(
    model=names, route=names, requested_by=names, approved_by=names, until=times, reason=names
)
tenant = some(
    tier=names,
    keys=keys,
    teams=st.dictionaries(
        names, some(keys=keys, models=chosen, limits=limits, budget=budget), max_size=2
    ),
    certificates=st.just(["spiffe://corp/a/*"]),
    claims=st.lists(names, max_size=2),
    grants=st.lists(grant, max_size=2),
    **inherited,
)
issuer = with_some(
    {"issuer": st.sampled_from(["https://a", "corp", "http://a/b"])},
    jwks=st.sampled_from(["https://a/jwks", '{"keys":[{"kty":"RSA"}]}']),
    client=st.just(
        {
            "id": "a",
            "secret": "env:A",
            "cookie_secret": "env:B",
            "authorize": "https://a/a",
            "token": "https://a/t",
        }
    ),
)
accounts = {
    "tiers": st.dictionaries(names, tier, max_size=3),
    "tenants": st.dictionaries(names, tenant, max_size=3),
    "issuers": st.dictionaries(names, issuer, max_size=2),
    "limits": limits,
    "budget": budget,
    "counters": st.sampled_from([{}, {"store": "redis://a:1/0"}, {"store": "env:A"}]),
    "ledger": st.sampled_from([{}, {"store": "none"}, {"store": "file:a", "retention": "3d"}]),
}
model = st.one_of(
    names,
    with_some(
        {
            "targets": st.lists(
                st.one_of(target, st.lists(target, min_size=1, max_size=2)), min_size=1, max_size=3
            )
        },
        timeout=durations,
        aliases=st.lists(names, max_size=2),
        fallback=some(
            on=st.lists(st.sampled_from(["rate_limited", "timeout", "context_exceeded"])),
            attempts=st.integers(1, 3),
            attempt_timeout=durations,
        ),
        tags=tags,
        access=access,
        limits=limits,
        budget=budget,
        output=st.just("2k tokens"),
    ),
)
paths = st.sampled_from(["/", "/a", "/a/", "/a/b"])
value = st.one_of(
    st.just("v"),
    some(exact=st.just("v"), regex=st.just("a.*"), present=st.just(True), absent=st.just(True)),
)
match = st.one_of(
    paths,
    some(
        prefix=paths,
        path=paths,
        regex=st.sampled_from([".*", "/a/.*", "/a|/b", "/a(/.*)?"]),
        template=st.sampled_from(["/{x}", "/a/{x=**}", "/a/*/b"]),
        method=st.one_of(st.just("GET"), st.lists(st.sampled_from(["GET", "PUT"]))),
        headers=st.dictionaries(st.sampled_from(["x", "X", "y"]), value, max_size=2),
        query=st.dictionaries(st.sampled_from(["x", "X"]), value, max_size=2),
    ),
)
hosts = st.sampled_from(["a.b", "*.b", "*.c.b", "B"])
route = with_some(
    {"match": match},
    name=names,
    host=st.one_of(hosts, st.lists(hosts, max_size=2)),
    listeners=st.one_of(names, st.lists(names, max_size=2)),
    service=names,
    split=st.lists(st.fixed_dictionaries({"to": names, "weight": weights}), min_size=1, max_size=2),
    serve=st.just("llm"),
    models=st.lists(names, min_size=1, max_size=2),
    redirect=st.sampled_from(["https://a/b", "/x", {"code": 301}, {"prefix": "/p"}]),
    respond=st.sampled_from([404, {"status": 200, "body": "ok"}]),
    auth=ways,
    allow=chosen,
    access=access,
    tags=tags,
    limits=limits,
    budget=budget,
    timeout=durations,
    body_limit=st.just("1 MiB"),
    rewrite=st.sampled_from([{"prefix": "/q"}, {"template": "/{x}/{y}"}, {"host": "h"}]),
)
acting = st.tuples(
    st.fixed_dictionaries({"match": match}, optional={"host": hosts}),
    st.sampled_from(
        [
            {"service": "a"},
            {"serve": "llm", "auth": "none"},
            {"serve": "llm", "auth": ["keys", "none"], "tags": ["t"]},
            {"service": "a", "auth": "keys", "access": "on_request"},
            {"respond": 404},
            {"redirect": "/x"},
        ]
    ),
).map(lambda pair: {**pair[0], **pair[1]})
money = {"input": "1 USD/1M tokens", "output": "2 USD/1M tokens"}
gateway = with_some(
    {"gatewright": st.just("v1"), "name": names},
    envoy=st.sampled_from(["1.30", "1.36", "1.38", "1.39.1", "1.40", "1.41"]),
    defaults=some(timeout=durations, model_timeout=durations, body_limit=st.just("1 KiB")),
    listeners=st.dictionaries(names, listener, max_size=3),
    services=st.dictionaries(names, service, max_size=3),
    providers=st.dictionaries(names, provider, max_size=3),
    models=st.dictionaries(names, model, max_size=3),
    prices=st.dictionaries(st.sampled_from(["a/m", "openai/gpt-4o", "z/z"]), st.just(money)),
    routes=st.lists(st.one_of(route, acting), max_size=5),
    **accounts,
)
good_model = with_some(
    {"targets": st.lists(st.sampled_from(["a/m", "openai/gpt-4o"]), min_size=1, max_size=2)},
    timeout=durations,
    fallback=some(on=st.just(["rate_limited", "context_exceeded"]), attempt_timeout=durations),
)
likely = with_some(
    {
        "gatewright": st.just("v1"),
        "name": names,
        "listeners": st.just({"a": 80, "b": {"port": 81, "address": "127.0.0.1"}}),
        "services": st.fixed_dictionaries({"a": st.just({"endpoints": ["10.0.0.1:80"]})}),
        "providers": st.just({"a": {"api": "openai"}, "openai": {"api": "openai"}}),
        "models": st.dictionaries(names, good_model, min_size=1, max_size=3),
        "routes": st.lists(acting, max_size=3),
    },
    envoy=st.sampled_from(["1.40", "1.41"]),
    **accounts,
    prices=st.dictionaries(st.sampled_from(["a/m", "openai/gpt-4o"]), st.just(money)),
)
anything = st.one_of(gateway, likely)


def linked_and_planned(written: Any) -> tuple[Plan | None, Reporter]:
    reporter = Reporter()
    try:
        document = GatewayDocument.model_validate(written)
    except ValidationError:
        return None, reporter
    linked = link(Parsed(document, lambda _path: Span("a.yaml", 1, 1, 1, 2)), reporter)
    if reporter.failed:
        return None, reporter
    return planning(linked, reporter), reporter


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(anything)
def test_nothing_is_raised(written):
    """Every document is linked and planned, or its faults are told with code, place and words."""
    plan, reporter = linked_and_planned(written)
    for said in reporter.diagnostics:
        assert said.code
        assert said.message
        assert said.span is not None
        assert said.hint
    if plan is not None:
        hold(plan, failed=reporter.failed)


def hold(plan: Plan, *, failed: bool) -> None:
    """Check what later stages rely on."""
    services = {one.name for one in plan.services}
    providers = {one.name for one in plan.providers}
    models = {one.name for one in plan.models}
    listeners = {one.name for one in plan.listeners}
    assert len({one.name for one in plan.routes}) == len(plan.routes)
    for model in plan.models:
        assert model.groups
        assert 1 <= model.fallback.attempts <= len(model.groups)
        for group in model.groups:
            assert group.targets
            assert all(one.weight > 0 and one.provider in providers for one in group.targets)
    for route in plan.routes:
        assert set(route.listeners) <= listeners
        if isinstance(route.action, Serve):
            assert route.action.models
            assert set(route.action.models) <= models
        for branch in getattr(route.action, "branches", ()):
            assert branch.service in services
    assert failed or plan.envoy >= (1, 36)
    hold_accounts(plan)


def hold_accounts(plan: Plan) -> None:
    """Check what is relied on of tenants: names exist, ids and hashes are there once."""
    tenants = {one.name for one in plan.tenants}
    models = {one.name for one in plan.models}
    routes = {one.name for one in plan.routes}
    issuers = {one.name for one in plan.issuers}
    hashes: list[bytes] = []
    for route in plan.routes:
        assert route.allow is None or set(route.allow) <= tenants
        assert {way.issuer for way in route.auth if way.issuer} <= issuers
        assert AuthKind.NONE not in [way.kind for way in route.auth[:-1]]
    for tenant in plan.tenants:
        assert set(tenant.models or ()) <= models
        assert set(tenant.routes or ()) <= routes
        for grant in tenant.grants:
            assert (grant.model in models) != (grant.route in routes)
        parts: list[Any] = [tenant, *tenant.teams]
        for part in parts:
            hashes += [key.sha256 for key in part.keys]
            for key in part.keys:
                assert key.id.startswith(f"{tenant.name}/")
    assert len(set(hashes)) == len(hashes)
    limited: list[Any] = [*plan.routes, *plan.models, *plan.tenants, *plan.providers]
    places = [plan.limits, *(one.limits for one in limited)]
    ids = [placed.limit.id for place in places for placed in place]
    assert len(set(ids)) == len(ids)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(anything)
def test_the_same_twice(written):
    """The stages are functions: the same document gives the same plan and the same words."""
    one, said = linked_and_planned(written)
    other, again = linked_and_planned(written)
    assert one == other
    assert said.diagnostics == again.diagnostics


def test_right_policies_are_drawn():
    """Documents of the second sort are often right, so that planning is tried too."""
    found = 0

    # The same documents each time: how many are right is no matter of luck.
    @settings(
        max_examples=200,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    @given(likely)
    def count(written):
        nonlocal found
        plan, reporter = linked_and_planned(written)
        good = not any(said.severity is Severity.ERROR for said in reporter.diagnostics)
        found += bool(plan is not None and good and plan.routes)

    count()
    assert found >= 20
