"""Providers: where prompts go, as whom, and whether that is outside of the house."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from compiler.diff.change import NOTHING, Area, Change, Severity
from compiler.diff.fields import Said, field_changes, policy_changes
from compiler.diff.limits import using
from compiler.diff.sides import Sides, at, paired, passing, whole
from compiler.diff.values import names, plural, said
from compiler.plan import Plan
from compiler.plan_llm import Provider, Trust

_PROVIDER = Said(
    Area.SERVICES,
    areas={"key": Area.TRUST, "aws": Area.TRUST, "connect_timeout": Area.TIMEOUTS}
    | {"cool_down": Area.TARGETS, "google": Area.TRUST},
    elsewhere=("name", "trust", "limits", "policies", "headers"),
    words={"key": "credential", "speech": "API", "mends": "its server is named by the policy"},
)


def providers(sides: Sides) -> Iterator[Change]:
    """Yield what changes of each provider, those that come and go, and prompts that go abroad."""
    both, gone, come = paired(sides.before.providers, sides.after.providers)
    for had, has in both:
        subject, reach = f"provider `{had.name}`", sides.models(using(sides, [had.name]))
        if had.trust is not has.trust:
            external = has.trust is Trust.EXTERNAL
            words = "counts as external now" if external else "counts as internal now"
            tail = "what is sent there leaves the house"
            if not external:
                tail = "what is redacted for external providers is sent there as it is"
            yield Change(
                Area.TRUST,
                Severity.DANGER,
                subject,
                f"{words}: {tail}",
                said(had.trust),
                said(has.trust),
                reach,
                at(had),
                at(has),
            )
        yield from field_changes(subject, had, has, _PROVIDER, reach)
        yield from policy_changes(subject, had.policies, has.policies, Area.SERVICES, reach)
        if had.headers != has.headers:
            # Values may be credentials: which headers change is enough.
            old, new = dict(had.headers), dict(has.headers)
            changed = [name for name in {*old, *new} if old.get(name) != new.get(name)]
            words = f"{plural('header', changed)} that it is sent: {names(changed)} changed"
            yield Change(
                Area.SERVICES,
                Severity.NEUTRAL,
                subject,
                words,
                said(tuple(old)),
                said(tuple(new)),
                reach,
                at(had),
                at(has),
            )
    for one, is_new in passing(gone, come):
        yield _whole(one, is_new=is_new)
    yield from _abroad(sides)


def _whole(one: Provider, *, is_new: bool) -> Change:
    """Tell of a provider as such: what it is for is told with its models."""
    place = f"{one.trust} {one.speech} at {said(one.url)}"
    return whole(
        Area.SERVICES,
        Severity.NEUTRAL,
        f"provider `{one.name}`",
        f"is {'new' if is_new else 'gone'}: {place}",
        place,
        NOTHING,
        one,
        is_new=is_new,
    )


def _abroad(sides: Sides) -> Iterator[Change]:
    """Tell of external hosts that prompts of a model did not go to before."""
    old, new = _hosts(sides.before), _hosts(sides.after)
    known = {host for hosts in old.values() for host in hosts}
    alike: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for model, hosts in new.items():
        for host, provider in hosts.items():
            if model in old and host not in old[model]:
                alike[host, provider, not old[model]].append(model)
            elif model not in old and host not in known:
                alike[host, provider, False].append(model)
    providers = {one.name: one for one in sides.after.providers}
    for (host, provider, all_inside), models in alike.items():
        first = host not in known
        words = f"go to {host}, an external host"
        if all_inside:
            words += "; they stayed in the house before"
        elif first:
            words += " that got none before"
        yield Change(
            Area.TRUST,
            Severity.DANGER if first or all_inside else Severity.NEUTRAL,
            f"prompts for {plural('model', models)} {names(models)}",
            f"may {words}",
            None,
            f"{provider} at {host}",
            sides.models(models),
            (),
            at(providers[provider]),
        )


def _hosts(plan: Plan) -> dict[str, dict[str, str]]:
    """Give the external hosts that prompts of each model may go to, each with a provider there."""
    external = {one.name: one.url.host for one in plan.providers if one.trust is Trust.EXTERNAL}
    return {
        model.name: {
            external[target.provider]: target.provider
            for group in model.groups
            for target in group.targets
            if target.provider in external
        }
        for model in plan.models
    }
