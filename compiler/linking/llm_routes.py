"""Routes that serve models: where they stand, who may use them, and what they offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from compiler.diagnostic import did_you_mean
from compiler.linking.auth import asks
from compiler.linking.findings import Findings
from compiler.plan import Match, PathKind
from compiler.plan_accounts import AuthKind
from compiler.schema import GatewayDocument
from compiler.schema.routes import RouteDocument
from compiler.source import Path


def link_served(
    route: RouteDocument,
    match: Match | None,
    listeners: Iterable[str],
    path: Path,
    document: GatewayDocument,
    meaning: Mapping[str, str],
    findings: Findings,
) -> tuple[str, ...]:
    """Check a ``serve: llm`` route and give the models that it serves, sorted."""
    _check_auth(route, listeners, path, document, findings)
    if match is not None and match.path_kind is not PathKind.PREFIX:
        findings.error(
            "llm-needs-prefix",
            f"`serve: llm` stands below a prefix, and this route has `{match.path_kind}`",
            (*path, "match"),
            labels=[((*path, "serve"), "needs a prefix")],
            hint="write `match: /v1`; `/chat/completions`, `/messages` and the others follow it",
        )
    if match is not None and match.methods:
        findings.error(
            "methods-with-llm",
            "`serve: llm` takes the method of each of its operations",
            (*path, "match", "method"),
            labels=[((*path, "serve"), "has operations of its own")],
            hint="remove `method`",
        )
    if not document.models:
        findings.error(
            "no-models",
            "this route serves models, and there are none",
            (*path, "serve"),
            hint="add `models: { fast: { targets: [openai/gpt-4o-mini] } }`",
        )
        return ()
    served: set[str] = set(meaning.values()) if route.models is None else set()
    for place, name in enumerate(route.models or ()):
        if name in meaning:
            served.add(meaning[name])
        elif name not in document.models:
            _unknown(name, meaning, (*path, "models", place), document, findings)
    if not asks(route.auth or ()):
        _check_access(served, path, document, findings)
    return tuple(sorted(served))


def _check_access(
    served: Iterable[str], path: Path, document: GatewayDocument, findings: Findings
) -> None:
    """Refuse models that are for those with a grant, where nobody is asked who they are."""
    for name in sorted(served):
        model = document.models[name]
        if not isinstance(model, str) and model.access == "on_request":
            findings.error(
                "access-without-auth",
                f"model `{name}` is for those with a grant, and nobody is asked who they are",
                (*path, "auth"),
                labels=[(("models", name, "access"), "on request")],
                hint="write `auth: keys`, or leave the model out of the route's `models`",
            )


def _unknown(
    name: str,
    meaning: Mapping[str, str],
    path: Path,
    document: GatewayDocument,
    findings: Findings,
) -> None:
    hint = None
    if name.partition("/")[0] in document.providers:
        hint = f"`{name}` names a provider's model: give it a name of yours under `models:`"
    close = did_you_mean(name, meaning)
    if close is not None and close not in document.models:
        findings.error(
            "unknown-model",
            f"this route serves model `{name}`",
            path,
            "no such model",
            labels=[(("models", meaning[close]), f"`{close}` is another name of this")],
            hint=f"did you mean `{close}`?",
        )
        return
    findings.unknown(
        "model",
        "models",
        name,
        document.models,
        f"this route serves model `{name}`",
        path,
        hint=hint,
    )


def _check_auth(
    route: RouteDocument,
    listeners: Iterable[str],
    path: Path,
    document: GatewayDocument,
    findings: Findings,
) -> None:
    """Have it said who may spend the money, and warn where anybody may."""
    if route.auth is None:
        findings.error(
            "auth-missing",
            "this route spends money, and does not say who may use it",
            (*path, "serve"),
            hint="write `auth: keys`, or `auth: none` if anybody who reaches the listener may",
        )
        return
    if all(one.kind is not AuthKind.NONE for one in route.auth):
        return
    for name in listeners:
        address = document.listeners[name].address
        if not ip_address(address).is_loopback:
            findings.warning(
                "open-llm-route",
                f"anybody who reaches listener `{name}` may spend your providers' money",
                (*path, "auth", len(route.auth) - 1),
                "no keys asked for",
                labels=[(("listeners", name), f"listens on {address}")],
                hint="write `auth: keys`, or listen on 127.0.0.1",
            )
            return
