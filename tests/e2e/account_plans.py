"""Plans with accounts for tests, put together by hand, and the real Envoy that runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from compiler.diagnostic import Reporter
from compiler.lower import lower
from compiler.plan import (
    Branch,
    EndpointAddress,
    Forward,
    Match,
    PathKind,
    Plan,
    Protocol,
    Resolution,
    Route,
    Service,
)
from compiler.plan_accounts import AuthKind, AuthMethod, Edge, PlacedLimit, Tenant
from compiler.standalone import NOWHERE, standalone
from tests.e2e import llm_gateway
from tests.e2e.envoy_process import EnvoyProcess, running, until
from tests.e2e.llm_gateway import AT, key_of
from xds.edge.limit import SECONDS, Away, Each, Limit, Period, Shape, Unit
from xds.edge.paths import USAGE_LOG
from xds.schema import envoy
from xds.wire import Message

tls_v3 = envoy.extensions.transport_sockets.tls.v3

KEYS = AuthMethod(AuthKind.KEYS)
MTLS = AuthMethod(AuthKind.MTLS)
NOBODY = AuthMethod(AuthKind.NONE)


def jwt(issuer: str = "corp") -> AuthMethod:
    return AuthMethod(AuthKind.JWT, issuer)


def limit(
    text: str,
    *,
    place: str = "gateway",
    owner: str = "the gateway",
    each: Each = Each.ALL,
    per_edge: bool = False,
    away: Away = Away.CLOSED,
    burst: int = 0,
) -> PlacedLimit:
    """A limit such as `20 requests/minute` at a place such as `tenant/acme`."""
    amount, _, rest = text.partition(" ")
    words, _, period_word = rest.partition("/")
    period = Period(period_word) if period_word else Period.NONE
    unit = Unit(words.replace(" ", "_"))
    shape = Shape.SLIDING if SECONDS.get(period, 0) < SECONDS[Period.DAY] else Shape.CALENDAR
    if unit is Unit.CONCURRENT:
        shape = Shape.CONCURRENT
    name = f"{place}/{unit}/{period}" + ("" if each is Each.ALL else f"/each-{each}")
    made = Limit(
        id=name,
        owner=owner,
        text=text,
        unit=unit,
        amount=int(amount),
        period=period,
        shape=shape,
        burst=burst,
        each=each,
        away=away,
    )
    return PlacedLimit(made, per_edge, AT)


def tenant(name: str, **more: Any) -> Tenant:
    """A tenant that may do everything."""
    return Tenant(
        **{
            "name": name,
            "tier": None,
            "tags": (),
            "contacts": (),
            "models": None,
            "routes": None,
            "limits": (),
            "addresses": (),
            "certificates": (),
            "claims": (name,),
            "keys": (),
            "teams": (),
            "grants": (),
            "at": AT,
            **more,
        }
    )


def service(port: int, name: str = "orders") -> Service:
    address = EndpointAddress("127.0.0.1", port, 1, 0, "")
    kind = Resolution.STATIC
    return Service(name, Protocol.HTTP1, (address,), kind, timedelta(seconds=2), (), AT)


def rest(*auth: AuthMethod, name: str = "orders", path: str = "/orders", **more: Any) -> Route:
    """A route to the service."""
    match = Match((), PathKind.PREFIX, path, (), (), ())
    action = Forward((Branch("orders", 1),))
    return Route(name, ("public",), match, action, (), AT, auth=auth, **more)


def plan(*routes: Route, port: int = 1, folder: str = "edge", **more: Any) -> Plan:
    """A plan of these routes to the service at a port, with an edge in a folder."""
    bare = llm_gateway.plan(more.pop("providers", ()), more.pop("models", ()), routes)
    edge = more.pop("edge", Edge(folder=folder, workers=1))
    return replace(bare, services=(service(port),), edge=edge, **more)


def bootstrap(
    made: Plan,
    secrets: Mapping[str, str] | None = None,
    messages: Mapping[str, Message] | None = None,
) -> dict[str, Any]:
    """The static bootstrap of a plan, with a canary for each provider's key.

    ``secrets`` are texts, ``messages`` whole Secrets, each by name.
    """
    reporter = Reporter()
    lowered = lower(made, reporter)
    assert not reporter.diagnostics
    values = {one.key.name: key_of(one.name) for one in made.providers if one.key is not None}
    served: dict[str, Any] = dict(messages or {})
    for name, value in {**values, **(secrets or {})}.items():
        served[name] = tls_v3.Secret(name=name)
        served[name].generic_secret.secret.inline_string = value
    whole = standalone(lowered, served)
    for listener in whole["static_resources"]["listeners"]:
        _write_usage(listener, f"{made.edge.folder}/{USAGE_LOG}")
    return whole


def _write_usage(listener: dict[str, Any], path: str) -> None:
    """Have it write the usage log as if the control plane had served it: the folder is there."""
    for chain in listener["filter_chains"]:
        for log in chain["filters"][0]["typed_config"]["access_log"]:
            if log["typed_config"].get("path") == NOWHERE:
                log["typed_config"]["path"] = path


@contextmanager
def gateway(
    made: Plan, folder: Path, secrets: Mapping[str, str] | None = None, **more: Any
) -> Iterator[llm_gateway.Gateway]:
    """Run Envoy on a plan, with its edge's folder in this one, until the block ends."""
    (folder / "edge").mkdir(exist_ok=True)
    with (
        running(
            bootstrap(made, secrets),
            log_level="warning",
            arguments=("--file-flush-interval-msec", "20"),
            folder=folder,
            **more,
        ) as started,
        httpx.Client(base_url=started.url("public"), timeout=30) as client,
    ):
        yield llm_gateway.Gateway(started, client)


def usage_lines(folder: Path, count: int, started: EnvoyProcess) -> Sequence[dict[str, Any]]:
    """The lines of the usage log, once there are so many."""
    file = folder / "edge" / USAGE_LOG

    def lines() -> list[str]:
        return file.read_text().splitlines() if file.exists() else []

    until(lambda: len(lines()) >= count, f"fewer than {count} lines of usage", started)
    return [json.loads(one) for one in lines()]
