"""What is told of a violated invariant: the lines that make it so, and a request that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from compiler.diagnostic import Diagnostic, Label, Severity
from compiler.invariants.example import Example, example_of
from compiler.invariants.invariant import NONE, Condition, Had, Invariant, Word
from compiler.invariants.search import Reach, Violation, Way
from compiler.invariants.slots import SOME, had
from compiler.plan import Plan
from compiler.plan_llm import Trigger
from compiler.source import Span

CODE: Final = "invariant-violated"
_SHOWN: Final = 4
"""How many names a list shows before it says how many more there are."""

_HINTS: Final[Mapping[Word, str]] = {
    Word.LEDGER: "let the `ledger` be kept",
    Word.REDACTION: "write `redact: NAME` on the gateway, the route, the tier or the tenant",
    Word.DETECTORS: "add the detectors to a redaction that holds here",
    Word.OWN_LIMITS: "give the tenant or its tier `limits` or a `budget`",
    Word.LIMITS: "write `limits` or a `budget` for the tenant, its tier, the route or the gateway",
    Word.TRANSPORT: "write `tls` for the listener (with `client_ca`, for `mtls`)",
    Word.AUTH: "write another `auth` on the route",
    Word.EGRESS: "take the target out of the model, or the model from the tenant or the route",
    Word.PROVIDERS: "take the target out of the model, or the model from the tenant or the route",
    Word.TARGETS: "take the target out of the model, or the model from the tenant or the route",
    Word.MODELS: "take the model out of the `models` of the tenant, the tier or the route",
    Word.OPERATIONS: "say in the model's `apis` what it is offered on",
    Word.TENANTS: "say in `allow` of the route, or in `routes` of the tenant, who may use it",
    Word.TIERS: "say in `allow` of the route, or in `routes` of the tier, who may use it",
    Word.SERVICES: "say in `allow` of the route, or in `routes` of the tenant, who may use it",
    Word.LISTENERS: "say in `listeners` of the route where it stands",
    Word.ROUTES: "say in `allow` of the route, or in `routes` of the tenant, who may use it",
}
"""What may be done, by the word that a violation turns on; those that mend most easily first."""


def told(violation: Violation, plan: Plan, ledger: Span) -> Diagnostic:
    """Say it; ``ledger`` is where the policy says what is written down."""
    invariant = violation.invariant
    way, example = _shown(violation, plan)
    had_of = had(way.door.part, way.caller.part, way.end.part)
    condition = invariant.violated(had_of)
    assert condition is not None, "a path of a violation violates it"  # noqa: S101
    return Diagnostic(
        code=CODE,
        severity=Severity.WARNING if invariant.warns else Severity.ERROR,
        message=f"{_path(way)} violates the invariant `{invariant.name}`",
        span=condition.at,
        text=_said(condition, invariant),
        labels=tuple(_labels(way, had_of, condition, ledger)),
        hint=_hint(condition, way),
        notes=tuple(_notes(invariant, violation.reach, example)),
    )


def _shown(violation: Violation, plan: Plan) -> tuple[Way, Example | None]:
    """Choose the first path for which there is a request, or else the first."""
    for way in violation.ways:
        example = example_of(plan, way)
        if example is not None:
            return way, example
    return violation.ways[0], None


def _path(way: Way) -> str:
    """Name a path in a few words: who, where, what."""
    words = [_whose(way), f"on route `{way.door.route.name}`"]
    end = way.end
    if end.model is not None and end.target is not None:
        words.append(f"for model `{end.model.name}` at `{end.target.provider}/{end.target.model}`")
    elif way.door.service:
        words.append(f"to service `{way.door.service}`")
    return " ".join(words)


def _whose(way: Way) -> str:
    caller = way.caller
    if caller.tenant is None:
        return "an anonymous request"
    if caller.key is not None:
        return f"a request with key `{caller.key.id}`"
    team = "" if caller.team is None else f"/{caller.team.name}"
    return f"a request of tenant `{caller.tenant.name}{team}` by {caller.way.value}"


def _said(condition: Condition, invariant: Invariant) -> str:
    forbids = any(condition is one for one in invariant.forbidden)
    return "such a request is allowed" if forbids else "a request without it is allowed"


def _labels(way: Way, had_of: Had, condition: Condition, ledger: Span) -> Iterator[Label]:
    """Point at what the path is made of, and say there what it has of what was asked."""
    door, caller, end = way.door, way.caller, way.end
    told = {word: _has(word, values, had_of) for word, values in condition.asked}

    def of(*words: Word) -> str:
        return "; ".join(told[word] for word in words if word in told)

    yield Label(door.route.at, _joined(f"route `{door.route.name}`", of(Word.AUTH, Word.SERVES)))
    if at_listener := of(Word.TRANSPORT, Word.LISTENERS):
        yield Label(door.listener.at, at_listener)
    if caller.tenant is not None:
        where = caller.tenant.at if caller.key is None else caller.key.at
        mine = of(Word.OWN_LIMITS, Word.LIMITS, Word.TIERS)
        yield Label(where, _joined(f"key `{caller.key.id}`" if caller.key else "this tenant", mine))
    if end.model is not None and end.target is not None:
        yield Label(end.target.at, of(Word.REDACTION, Word.DETECTORS) or "may be asked")
    if Word.LEDGER in told:
        yield Label(ledger, told[Word.LEDGER])


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _has(word: Word, asked: frozenset[str], had_of: Had) -> str:
    """Say what a path has of a word; where several things are asked for, what it lacks."""
    has = (had_of[word] or frozenset()) - {SOME}
    lacks = sorted(asked - has - {NONE})
    none = not has - {NONE}
    values = _few(sorted(has))
    match word:
        case Word.REDACTION:
            if none:
                return "nothing is redacted for it"
            return f"not redacted by {_few(lacks)}" if lacks else f"redacted by {values}"
        case Word.DETECTORS:
            if none:
                return "nothing is looked for"
            return f"{_few(lacks)} is not looked for" if lacks else f"looked for is {values}"
        case Word.LIMITS | Word.OWN_LIMITS:
            own = " of its own" if word is Word.OWN_LIMITS else ""
            if lacks or NONE in has:
                return f"no limit{own}" + (f" of {_few(lacks)}" if lacks else "")
            return f"limits{own} of {values}"
        case Word.AUTH:
            return "asks nobody" if none else f"known by {values}"
        case Word.TRANSPORT:
            return "in clear text" if "plaintext" in has else values
        case Word.LEDGER:
            return "nothing is written down" if none else f"written down in {values}"
        case Word.TIERS:
            return "of no tier" if none else f"of tier {values}"
        case _:
            return "" if none else values


def _hint(condition: Condition, way: Way) -> str:
    asked = {word for word, _ in condition.asked}
    first = next((said for word, said in _HINTS.items() if word in asked), None)
    excepted = f"`except: {{ routes: {way.door.route.name} }}`"
    if first is None:
        return f"change what makes it so, or write {excepted} in the invariant"
    return f"{first}; or write {excepted} in the invariant"


def _notes(invariant: Invariant, reach: Reach, example: Example | None) -> Iterator[str]:
    if example is None:
        yield "no request was found that shows it: the route's match is too odd"
    else:
        yield f"for example: {_request(example)}"
        yield f"trace: {'; '.join(step.text for step in example.trace.steps)}"
    others = list(_others(reach))
    if others:
        yield f"it is so for {', '.join(others)}"
    if invariant.reason:
        yield f"why: {invariant.reason}"


def _request(example: Example) -> str:
    request = example.request
    words = [request.method, request.target]
    if request.host != "localhost":
        words.append(f"at host {request.host}")
    headers = [(name, value) for name, value in request.headers if name != "content-type"]
    words += [f"with {name}: {value}" for name, value in headers]
    if example.model:
        words.append(f"for model {example.model}")
    if request.key:
        words.append(f"with key {request.key}")
    elif request.issuer:
        said = ", ".join(f"{name}: {value}" for name, value in request.claims.items())
        words.append(f"with a token of {request.issuer} ({said})")
    elif request.certificate:
        words.append(f"with the certificate of {request.certificate}")
    if request.client != "127.0.0.1":
        words.append(f"from {request.client}")
    by_trigger: dict[Trigger, list[str]] = {}
    for name, trigger in example.failing:
        by_trigger.setdefault(trigger, []).append(name)
    for trigger, names in by_trigger.items():
        words.append(f"while {' and '.join(names)} fails ({trigger.value})")
    if example.world.cooling:
        words.append(f"while {' and '.join(sorted(example.world.cooling))} cools down")
    return " ".join(words)


def _others(reach: Reach) -> Iterator[str]:
    """Say how far it goes, where that is further than the example."""
    tenants = [name for name in reach.tenants if name]
    for noun, names in (("route", reach.routes), ("tenant", tenants), ("model", reach.models)):
        if len(names) > 1:
            yield f"{len(names)} {noun}s ({_few(list(names))})"


def _few(names: list[str]) -> str:
    shown = [f"`{name}`" for name in names if name != SOME]
    if len(shown) > _SHOWN:
        return f"{', '.join(shown[:_SHOWN])} and {len(shown) - _SHOWN} more"
    return ", ".join(shown)
