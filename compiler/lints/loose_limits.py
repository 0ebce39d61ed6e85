"""Limits and budgets that are never reached, and those that give a tenant more than its tier.

A request must be admitted by all limits that apply to it: the gateway's, its tenant's, its team's
and its key's. One of a part that admits more than one of the whole is never reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from compiler.linking.findings import Findings
from compiler.linking.inheritance import effective
from compiler.linking.linked import Linked, LinkedTenant
from compiler.schema.keys import Key
from compiler.schema.limits import BudgetDocument, LimitDocument
from compiler.source import Path
from policies.limit_text import amount_of
from xds.edge.limit import Each, Period, Unit

_DAY: Final = 86_400
_SECONDS: Final = {
    Period.NONE: 1,
    Period.SECOND: 1,
    Period.MINUTE: 60,
    Period.HOUR: 3_600,
    Period.DAY: _DAY,
    Period.MONTH: 31 * _DAY,
}
_Written = LimitDocument | BudgetDocument


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit with its place, and whose it is."""

    written: _Written
    path: Path
    owner: str

    @property
    def per_edge(self) -> bool:
        return isinstance(self.written, LimitDocument) and self.written.per == "edge"

    def most(self, seconds: int) -> int:
        """Give the most that it admits in a time."""
        text = self.written.limit
        times = -(-seconds // _SECONDS[text.period])
        burst = getattr(self.written, "burst", None)
        more = 0 if burst is None else amount_of(burst, text.unit) or 0
        return text.amount * max(1, times) + more


def check_loose_limits(linked: Linked, findings: Findings) -> None:
    """Warn of limits of tenants, teams and keys that one above them makes needless."""
    document = linked.document
    told: set[Path] = set()
    gateway = list(_limits(document.limits, document.budget, (), "the gateway"))
    for tenant in linked.tenants:
        own = list(_of_tenant(linked, tenant))
        _hold(own, _kept(gateway, Each.TENANT), told, findings)
        _beyond(linked, tenant, findings)
        above = [*gateway, *own]
        _keys(tenant.document.keys, (*tenant.path, "keys"), tenant.name, above, told, findings)
        for name, team in tenant.document.teams.items():
            path = (*tenant.path, "teams", name)
            owner = f"team `{tenant.name}/{name}`"
            of_team = list(_limits(team.limits, team.budget, path, owner))
            _hold(of_team, _kept(above, Each.TENANT, Each.TEAM), told, findings)
            whose = f"{tenant.name}/{name}"
            _keys(team.keys, (*path, "keys"), whose, [*above, *of_team], told, findings)


def _keys(
    keys: Mapping[str, Key],
    path: Path,
    whose: str,
    above: Sequence[_Limit],
    told: set[Path],
    findings: Findings,
) -> None:
    for name, key in keys.items():
        own = list(_limits(key.limits, key.budget, (*path, name), f"key `{whose}/{name}`"))
        _hold(own, _kept(above, Each.TENANT, Each.TEAM, Each.KEY), told, findings)


def _of_tenant(linked: Linked, tenant: LinkedTenant) -> Iterator[_Limit]:
    """Give the limits and budgets that a tenant has in the end, its own or its tier's."""
    for key in ("limits", "budget"):
        found = effective(linked.document, tenant.name, tenant.lineage, key)
        if found is not None:
            for place, written in enumerate(found.value):
                yield _Limit(written, (*found.path, place), f"tenant `{tenant.name}`")


def _limits(
    limits: Sequence[LimitDocument], budgets: Sequence[BudgetDocument], path: Path, owner: str
) -> Iterator[_Limit]:
    lists: tuple[tuple[str, Sequence[_Written]], ...] = (("limits", limits), ("budget", budgets))
    for key, listed in lists:
        for place, written in enumerate(listed):
            yield _Limit(written, (*path, key, place), owner)


def _kept(above: Iterable[_Limit], *each: Each) -> list[_Limit]:
    """Leave out those that count for each of something smaller than what is held against them."""
    return [one for one in above if one.written.each in (Each.ALL, *each)]


def _hold(
    own: Iterable[_Limit], above: Sequence[_Limit], told: set[Path], findings: Findings
) -> None:
    for one in own:
        if one.written.each is not Each.ALL or one.path in told:
            continue
        wider = next((other for other in above if _hides(other, one)), None)
        if wider is None:
            continue
        told.add(one.path)
        said, most = one.written.limit.text, wider.written.limit.text
        findings.warning(
            "loose-limit",
            f"`{said}` of {one.owner} is never reached: {wider.owner} has `{most}`",
            one.path,
            "never reached",
            labels=[(wider.path, f"of {wider.owner}")],
            hint="lower it, or remove it",
        )


def _hides(wider: _Limit, one: _Limit) -> bool:
    """Tell whether ``wider`` refuses before ``one`` does, whatever comes."""
    text, other = one.written.limit, wider.written.limit
    both = text.unit is other.unit or (
        other.unit is Unit.TOKENS and text.unit in (Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS)
    )
    if not both or (wider.per_edge and not one.per_edge):
        return False
    return text.amount > wider.most(_SECONDS[text.period])


def _beyond(linked: Linked, tenant: LinkedTenant, findings: Findings) -> None:
    """Warn of a limit that a tenant has for itself, and that admits more than its tier's."""
    for key in ("limits", "budget"):
        found = effective(linked.document, tenant.name, tenant.lineage, key)
        if found is None or not found.overrides or found.path[0] != "tenants":
            continue
        source, lost = found.overrides[0]
        tier = source.removeprefix("tier ")
        for place, written in enumerate(found.value):
            other = next((one for one in lost if _alike(one, written)), None)
            if other is not None and written.limit.amount > other.limit.amount:
                findings.warning(
                    "beyond-tier",
                    f"tenant `{tenant.name}` may `{written.limit.text}`, and its tier "
                    f"`{other.limit.text}`",
                    (*found.path, place),
                    "more than its tier",
                    labels=[(("tiers", tier, key, lost.index(other)), f"of tier `{tier}`")],
                    hint="lower it, or say why: `# gatewright: allow beyond-tier -- REASON`",
                )


def _alike(one: _Written, other: _Written) -> bool:
    a, b = one.limit, other.limit
    return (a.unit, a.period, one.each) == (b.unit, b.period, other.each)
