"""All paths of a plan, one by one, as the edge's own code lets them, and what is true of each.

Who may enter and ask is decided by `ext_authz.admission`, what is redacted by `ext_authz.process`,
which limits hold by the edge's book: nothing here is the compiler's own view of classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any

from compiler.guards import Carrier, Guard
from compiler.lower.accounts.rules import edge_keys, edge_rules
from compiler.lower.llm.names import cluster_name
from compiler.lower.llm.variants import variants
from compiler.lower.processing import processing_of
from compiler.needs import needs_of
from compiler.plan import Forward, Lane, Plan, Redirect, Respond, Route, Serve
from compiler.plan_llm import Model, Target
from ext_authz.admission.access import may_ask, may_enter
from ext_authz.admission.book import Book
from ext_authz.admission.identity import Identity
from ext_authz.process.processor import Processor
from xds.edge.detectors import GROUPS
from xds.edge.limit import Limit
from xds.edge.pairs import pair

NOW = 1_800_000_000.0
_WORDS = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
    "/responses": "responses",
    "/responses/input_tokens": "responses",
    "/images/generations": "images",
    "/images/edits": "images",
    "/audio/speech": "speech",
    "/audio/transcriptions": "speech",
    "/audio/translations": "speech",
    "/messages": "messages",
    "/messages/count_tokens": "messages",
}
_METERED = {"tokens", "input_tokens", "output_tokens", "cost"}
_SEVERAL = {"redaction", "detectors", "limits", "own_limits"}
_NAMED = {"listeners", "routes", "services", "tenants", "tiers", "models", "providers", "targets"}


@dataclass(frozen=True)
class Path:
    """One path, by names; empty is what it has not."""

    listener: str
    route: str
    way: str
    tenant: str = ""
    team: str = ""
    key: str = ""
    service: str = ""
    model: str = ""
    operation: str = ""
    target: str = ""


Facts = Mapping[str, Any]
"""By word: a name or None, a set, or a missing key where it cannot be said."""


class World:
    """A plan with the edge's own view of it."""

    def __init__(self, plan: Plan, policy: dict[str, Any]) -> None:
        self.plan = plan
        self.policy = policy
        guards = [Guard(route.name, Carrier.EDGE, "") for route in plan.routes]
        self.book = Book(edge_rules(plan, guards))
        self.keys = {key.id: key for _, key in edge_keys(plan)}
        self.needs = needs_of(plan)
        self.processing = processing_of(plan)
        self.models = {model.name: model for model in plan.models}
        self.providers = {provider.name: provider for provider in plan.providers}
        self.tenants = {tenant.name: tenant for tenant in plan.tenants}
        self.lanes = {(one.route, one.endpoint, one.model, one.target): one for one in plan.lanes}

    def paths(self) -> Iterator[tuple[Path, Facts]]:
        for route in self.plan.routes:
            for listener in route.listeners:
                if not self._served(listener, route.name):
                    continue
                for way, who in self._identities(route):
                    yield from self._from(listener, route, way, who)

    def _served(self, listener: str, route: str) -> bool:
        groups = self.plan.groups
        return not groups or any(
            listener in one.listeners and route in one.routes for one in groups
        )

    def _identities(self, route: Route) -> Iterator[tuple[str, Identity]]:
        for way in [str(method) for method in route.auth] or ["none"]:
            for who in self._known(way):
                networks = self.tenants[who.tenant].addresses if who.tenant else ()
                client = "10.1.2.3" if networks else "127.0.0.1"
                asked: Any = SimpleNamespace(route=route.name, client=client)
                if may_enter(self.book, asked, who, NOW) is None:
                    yield way, who

    def _known(self, way: str) -> Iterator[Identity]:
        kind, _, issuer = way.partition(":")
        if kind == "none":
            yield Identity("none")
        elif kind == "keys":
            for key in self.keys.values():
                yield Identity("keys", key.tenant, key.team, key=key)
        elif kind == "mtls":
            for tenant in self.plan.tenants:
                for glob in tenant.certificates:
                    found = self.book.tenant_of_certificate(glob.replace("*", "a"))
                    yield Identity("mtls", found)
        else:
            for claim in {claim for tenant in self.plan.tenants for claim in tenant.claims}:
                name = self.book.tenant_of_claim(claim)
                yield Identity(kind, name)
                if self.policy["issuers"][issuer].get("claims", {}).get("team"):
                    for team in self.book.tenants[name].teams:
                        yield Identity(kind, name, team)

    def _from(
        self, listener: str, route: Route, way: str, who: Identity
    ) -> Iterator[tuple[Path, Facts]]:
        start = (listener, route.name, way, who.tenant, who.team, who.key_id)
        facts = self._facts(listener, route, who)
        action = route.action
        if isinstance(action, Forward):
            for branch in action.branches:
                if branch.weight:
                    more = {"services": branch.service, **self._limits(route, who, "")}
                    yield Path(*start, service=branch.service), {**facts, **more}
            return
        if not isinstance(action, Serve):
            yield Path(*start), {**facts, **self._limits(route, who, "")}
            return
        for name in action.models:
            if not may_ask(self.book, who, name, NOW):
                continue
            model = self.models[name]
            limits = self._limits(route, who, name)
            for endpoint in model.endpoints:
                for target in self._tried(route, endpoint, model):
                    called = f"{target.provider}/{target.model}"
                    lane = self.lanes[route.name, endpoint, name, called]
                    provider = self.providers[target.provider]
                    counted = pair(endpoint.client, provider.speech) is None
                    if lane.reason.startswith("refused") or counted:
                        continue
                    redacted = self._redacted(lane, who, model, target)
                    more = {
                        "models": name,
                        "operations": _WORDS[endpoint.value],
                        "providers": target.provider,
                        "targets": called,
                        "egress": provider.trust.value,
                        "tags": facts["tags"] | set(model.tags),
                        "redaction": redacted or {"none"},
                        "detectors": self._detectors(redacted) or {"none"},
                    }
                    path = Path(*start, model=name, operation=endpoint.value, target=called)
                    yield path, {**facts, **limits, **more}

    def _facts(self, listener: str, route: Route, who: Identity) -> dict[str, Any]:
        tls = self.policy["listeners"][listener].get("tls")
        tenant = self.tenants.get(who.tenant)
        team = next((one for one in tenant.teams if one.name == who.team), None) if tenant else None
        kind = {Serve: "models", Forward: "services", Redirect: "redirect", Respond: "answer"}
        return {
            "listeners": listener,
            "transport": {"plaintext"} if not tls else {"tls", *(["mtls"] * ("client_ca" in tls))},
            "routes": route.name,
            "serves": kind[type(route.action)],
            "auth": who.method,
            "tenants": who.tenant or None,
            "tiers": tenant.tier if tenant else None,
            "tags": set(route.tags)
            | set(tenant.tags if tenant else ())
            | set(team.tags if team else ()),
            "ledger": self.plan.ledger.store.kind,
        }

    def _limits(self, route: Route, who: Identity, model: str) -> dict[str, Any]:
        own = () if who.key is None else who.key.limits
        found = self.book.limits(route.name, who.tenant, who.team, who.key_id, own, model)
        shown = {"limits": _units(found, bool(model))}
        if who.tenant:
            mine = [limit for limit in found if _is_own(limit)]
            shown["own_limits"] = _units(mine, bool(model))
        return shown

    def _tried(self, route: Route, endpoint: Any, model: Model) -> list[Target]:
        found: list[Target] = []
        for variant in variants(route, endpoint, model, self.needs):
            for group in variant.groups[: model.fallback.attempts]:
                found += group.targets
                passed = all(self.providers[one.provider].cool_down for one in group.targets)
                if not model.fallback.on and not passed:
                    break
        return list(dict.fromkeys(found))

    def _redacted(self, lane: Any, who: Identity, model: Model, target: Target) -> set[str]:
        if lane.lane is Lane.NATIVE or self.processing is None:
            return set()
        upstream = self.processing.upstreams[cluster_name(target)]
        operation = next(
            one
            for one in self.processing.operations.values()
            if (one.route, one.model, one.client) == (lane.route, model.name, lane.endpoint.client)
        )
        edge: Any = SimpleNamespace(processing=self.processing)
        return {name for name, _ in Processor._redactions(edge, operation, upstream, who.tenant)}

    def _detectors(self, redacted: set[str]) -> set[str]:
        found: set[str] = set()
        for name in redacted:
            written = self.policy["redactions"][name]
            detect = written.get("detect", [])
            for word in [detect] if isinstance(detect, str) else detect:
                found.update(GROUPS.get(word, (word,)))
            found.update(written.get("patterns", ()))
            found.update(written.get("words", ()))
        return found


def _units(limits: list[Limit] | tuple[Limit, ...], serves: bool) -> set[str]:
    units = {limit.unit.value for limit in limits}
    if not serves:
        units -= _METERED
    return units if units - {"concurrent"} else units | {"none"}


def _is_own(limit: Limit) -> bool:
    whose = limit.owner.partition(" ")[0]
    return whose in ("tenant", "team", "key") or limit.each in ("tenant", "team", "key", "user")


def violates(invariant: dict[str, Any], facts: Facts, world: World) -> bool:
    """Tell whether what is true of a path breaks an invariant, as it is written in the policy."""
    if "where" in invariant and not any(
        _holds(one, facts, world) for one in _list(invariant["where"])
    ):
        return False
    if any(_holds(one, facts, world) for one in _list(invariant.get("except", []))):
        return False
    if "forbid" in invariant:
        return any(_holds(one, facts, world) for one in _list(invariant["forbid"]))
    return any(
        all(word in facts for word in one) and not _holds(one, facts, world)
        for one in _list(invariant["require"])
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _holds(condition: dict[str, Any], facts: Facts, world: World) -> bool:
    return all(
        word in facts and _is(word, _list(values), facts[word], world)
        for word, values in condition.items()
    )


def _is(word: str, values: list[str], fact: Any, world: World) -> bool:
    if word in _SEVERAL:
        wanted: set[str] = set()
        for value in values:
            wanted.update(GROUPS.get(value, (value,)) if word == "detectors" else (value,))
        return wanted <= fact
    if word in ("tags", "transport"):
        return bool(set(values) & fact)
    if fact is None:
        return False
    if word not in _NAMED:
        return fact in values
    return any(
        value.removeprefix("tag:") in _tags(word, fact, world)
        if value.startswith("tag:")
        else fnmatchcase(fact, value)
        for value in values
    )


def _tags(word: str, name: str, world: World) -> tuple[str, ...]:
    things: dict[str, Any] = {
        "models": world.plan.models,
        "routes": world.plan.routes,
        "tenants": world.plan.tenants,
    }
    return next(one.tags for one in things[word] if one.name == name)
