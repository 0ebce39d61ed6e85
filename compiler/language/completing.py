"""What may be written next: keys with their docs, words, and the names that a policy declares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from compiler.language.docs import key_docs
from compiler.language.forms import forms_at, keys_at, required_at, takes_mapping, words_at
from compiler.language.names import Form, Named, refers
from compiler.language.outline import spot
from compiler.language.spot import Role, Spot
from compiler.language.token import Kind
from compiler.language.understanding import Understood
from compiler.plan import Plan, Route
from compiler.plan_accounts import Tenant
from compiler.plan_llm import Model
from compiler.prices import known_models
from compiler.source import Path

MOST = 500
"""How many proposals are given at most: whoever has more writes a letter first."""

_COLON_FOLLOWS = re.compile(r"[^\s:,{}\[\]]*[ \t]*:")


class ProposalKind(StrEnum):
    """What a proposal is."""

    KEY = "key"
    WORD = "word"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text that may take the place of what stands between two indexes."""

    kind: ProposalKind
    label: str
    insert: str
    start: int
    end: int
    detail: str = ""
    docs: str = ""


def complete(known: Understood, text: str, index: int) -> tuple[Proposal, ...]:
    """Give what may be written at ``index`` of ``text``, best first, at most `MOST`.

    What is being written already, from the beginning of its word, is what they take the place of.
    """
    at = spot(text, index)
    typed = text[at.start : index].lstrip("\"'").lower()
    fitting = [one for one in _proposals(known, at, text, index) if typed in one.label.lower()]
    fitting.sort(key=lambda one: not one.label.lower().startswith(typed))
    return tuple(fitting[:MOST])


def _proposals(known: Understood, at: Spot, text: str, index: int) -> Iterator[Proposal]:
    match at.role:
        case Role.KEY:
            yield from _keys(known, at, text, index)
        case Role.VALUE:
            yield from _values(known, at, index)
        case Role.NODE:
            keys = list(_keys(known, at, text, index)) if takes_mapping(at.path) else []
            values = list(_values(known, at, index))
            # Items are mostly short; below a key, a line of its own mostly begins a mapping.
            in_list = bool(at.path) and isinstance(at.path[-1], int)
            yield from (*values, *keys) if in_list else (*keys, *values)
        case Role.NOTHING:
            return


def _keys(known: Understood, at: Spot, text: str, index: int) -> Iterator[Proposal]:
    end = "" if _COLON_FOLLOWS.match(text, index) else ": "
    required = required_at(at.path)
    keys = keys_at(at.path)
    # What must be there comes first.
    for key in sorted(keys, key=lambda key: key not in required):
        if key in at.siblings and text[at.start : index] != key:
            continue
        docs = key_docs(keys[key], required=key in required)
        detail = "required" if key in required else ""
        yield Proposal(ProposalKind.KEY, key, key + end, at.start, index, detail, docs)
    found = refers((*at.path, "?"), Kind.KEY)
    if found is not None:
        for name, detail in _names(known, *found):
            yield Proposal(ProposalKind.NAME, name, name + end, at.start, index, detail)


def _values(known: Understood, at: Spot, index: int) -> Iterator[Proposal]:
    if not forms_at(at.path):
        return
    found = refers(at.path)
    if found is not None:
        for name, detail in _names(known, *found):
            if name != _own(at.path, found[0]):
                yield Proposal(ProposalKind.NAME, name, name, at.start, index, detail)
        return
    for word, docs in words_at(at.path).items():
        yield Proposal(ProposalKind.WORD, word, word, at.start, index, "", docs)


def _own(path: Path, named: Named) -> str | None:
    """Give the name inside of whose own declaration a path stands: it does not mean itself."""
    if named in (Named.MODEL, Named.TIER) and path[:1] in (("models",), ("tiers",)):
        return str(path[1]) if len(path) > 1 and str(path[0]) == f"{named}s" else None
    return None


def _names(known: Understood, named: Named, form: Form) -> Iterator[tuple[str, str]]:
    """Give the names that may stand here, each with what it is."""
    names = dict.fromkeys(one.name for one in known.declarations(named))
    if named is Named.ROUTE and known.plan is not None:
        names |= dict.fromkeys(route.name for route in known.plan.routes)
    if form is Form.TARGET:
        yield from _targets(known, names)
        return
    for name in names:
        yield name, named.value
    if form is Form.OWNER and known.plan is not None:
        for key in _keys_of(known.plan):
            yield key, "key"
    if form is Form.CHOICE:
        for tag in _tags(known.plan, named):
            yield f"tag:{tag}", f"all {named}s with this tag"


def _keys_of(plan: Plan) -> dict[str, None]:
    """Give the ids of all keys, each once."""
    ids: dict[str, None] = {}
    for tenant in plan.tenants:
        ids |= dict.fromkeys(key.id for key in tenant.keys)
        ids |= dict.fromkeys(key.id for team in tenant.teams for key in team.keys)
    return ids


def _targets(known: Understood, providers: dict[str, None]) -> Iterator[tuple[str, str]]:
    """Give ``provider/model`` of what is used already and of what the shipped data knows."""
    seen: set[str] = set()
    plan = known.plan
    for model in () if plan is None else plan.models:
        for target in (target for group in model.groups for target in group.targets):
            name = f"{target.provider}/{target.model}"
            if target.provider in providers and name not in seen:
                seen.add(name)
                yield name, f"target of {model.name}"
    urls = {} if plan is None else {one.name: one.url for one in plan.providers}
    for provider in providers:
        yield f"{provider}/", "provider"
        for model_name in known_models(urls[provider]) if provider in urls else ():
            name = f"{provider}/{model_name}"
            if name not in seen:
                yield name, "known model"


def _tags(plan: Plan | None, named: Named) -> list[str]:
    if plan is None:
        return []
    things: tuple[Model | Route | Tenant, ...] = ()
    if named is Named.MODEL:
        things = plan.models
    elif named is Named.ROUTE:
        things = plan.routes
    elif named is Named.TENANT:
        things = plan.tenants
    return sorted({tag for one in things for tag in one.tags})
