"""Routes that serve models: where they stand, who may use them, and what they offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.plan import Match, PathKind
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
    if route.models is None:
        return tuple(sorted(set(meaning.values())))
    served: set[str] = set()
    for place, name in enumerate(route.models):
        if name in meaning:
            served.add(meaning[name])
        elif name not in document.models:
            _unknown(name, meaning, (*path, "models", place), document, findings)
    return tuple(sorted(served))


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
            hint="write `auth: none` if anybody who reaches the listener may",
        )
        return
    for name in listeners:
        address = document.listeners[name].address
        if not ip_address(address).is_loopback:
            findings.warning(
                "open-llm-route",
                f"anybody who reaches listener `{name}` may spend your providers' money",
                (*path, "auth"),
                "no keys asked for",
                labels=[(("listeners", name), f"listens on {address}")],
                hint="listen on 127.0.0.1, or let this listener be reached by friends only",
            )
            return
