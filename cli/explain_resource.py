"""What made a resource of Envoy's, or a part of it: the lines of the policy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import exits
from cli.policy import existing, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.provenance.blame import Blame
    from xds.resource import Resource

_KINDS = {
    "cluster": "Cluster",
    "endpoints": "ClusterLoadAssignment",
    "listener": "Listener",
    "route": "RouteConfiguration",
    "runtime": "Runtime",
    "rules": "Rules",
    "processing": "Processing",
    "keys": "KeyShard",
}
"""What people call the types that are served, by the last word of their URL."""

_LINES = 40
"""Lines of a part that a person is shown."""


def explain_resource(name: str, field: str, policy: Path, *, as_json: bool) -> int:
    """Explain; exit code 1 where the policy has errors, or there is no such resource or part."""
    from compiler.diagnostic import did_you_mean
    from compiler.pipeline import compile_path
    from compiler.provenance.blame import NoSuchFieldError, blame

    compiled = compile_path(existing(policy), until="checked")
    if not compiled.ok:
        show(compiled, "text")
        return exits.POLICY
    resources = {_called(one): one for one in compiled.lowered.resources}
    found = resources.get(name) or _alone(name, resources)
    if found is None:
        return _unknown(f"there is no resource `{name}`", _likely(name, list(resources)))
    try:
        told = blame(compiled.plan, found, field, compiled.lowered.origins)
    except NoSuchFieldError as error:
        close = did_you_mean(field, error.known)
        hint = f"did you mean `{close}`?" if close else f"it has {', '.join(error.known[:12])}"
        return _unknown(f"`{_called(found)}` has no `{field}`", hint)
    shown = _data(found, field, told)
    print(json.dumps(shown, indent=2, ensure_ascii=False) if as_json else _text(shown, told))
    return exits.OK


def _called(resource: Resource) -> str:
    last = resource.type_url.rpartition(".")[2]
    kind = next((word for word, type_ in _KINDS.items() if type_ == last), last)
    return f"{kind}/{resource.name}"


def _alone(name: str, resources: dict[str, Resource]) -> Resource | None:
    """Take a name that is short for one resource alone: `cluster/orders`, `cluster/gpt-4o-mini`."""
    kind, _, rest = name.partition("/")
    found = [
        one
        for called, one in resources.items()
        if called.startswith(f"{kind}/") and rest and f"/{rest}/" in f"/{one.name}/"
    ]
    return found[0] if len(found) == 1 else None


def _likely(name: str, known: Sequence[str]) -> str:
    from compiler.diagnostic import did_you_mean

    rest = name.partition("/")[2] or name
    holding = [one for one in known if rest in one]
    if holding:
        return f"there are {', '.join(f'`{one}`' for one in holding[:6])}"
    close = did_you_mean(name, known)
    if close is not None:
        return f"did you mean `{close}`?"
    return f"`gatewright compile --emit versions` names them all; types are {', '.join(_KINDS)}"


def _unknown(message: str, hint: str) -> int:
    print(f"gatewright explain: {message}\n  = help: {hint}", file=sys.stderr)
    return exits.POLICY


def _data(resource: Resource, field: str, told: Blame) -> dict[str, Any]:
    from compiler.render.mask import mask_data

    return {
        "resource": _called(resource),
        "type": resource.type_url,
        "field": field or None,
        "made_at": None if told.made is None else str(told.made),
        "shaped_by": [{"name": part.name, "at": str(part.at)} for part in told.shaped],
        "unsearched": told.unsearched,
        "value": mask_data(told.value) if field else None,
    }


def _text(shown: dict[str, Any], told: Blame) -> str:
    from cli.envoy_yaml import envoy_yaml

    lines = [shown["resource"] + (f"  {shown['field']}" if shown["field"] else "")]
    rows = [("made at", shown["made_at"])] if shown["made_at"] else []
    rows += [(one["name"], one["at"]) for one in shown["shaped_by"]]
    width = max((len(first) for first, _ in rows), default=0)
    lines += [f"  {first:{width}}  {second}" for first, second in rows]
    if told.unsearched:
        lines.append(f"  name a part of it: {told.unsearched} parts of the policy may have made it")
    elif not shown["shaped_by"]:
        lines.append("  nothing else in the policy changes it")
    if shown["field"]:
        value = envoy_yaml(shown["value"]).rstrip().splitlines()
        lines += ["value", *(f"  {line}" for line in value[:_LINES])]
        if len(value) > _LINES:
            lines.append(f"  ... {len(value) - _LINES} more lines")
    return "\n".join(lines)
