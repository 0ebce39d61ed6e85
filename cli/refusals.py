"""What Envoy and the machine say against a policy, as diagnostics at the lines it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compiler.diagnostic import Diagnostic
    from compiler.pipeline import Compiled
    from compiler.source import Span
    from xds.nack import Nack
    from xds.plane import Published


def refused(nack: Nack, compiled: Compiled | None) -> tuple[Diagnostic, ...]:
    """One error for each resource that an Envoy refused.

    Without a compilation (what is served came from the disk), or where the resource is no longer
    in it, the error has no place.
    """
    from compiler.diagnostic import Diagnostic, Severity
    from xds.nack import KINDS

    kind = KINDS.get(nack.type_url, nack.type_url.rpartition(".")[2])
    places = origins(compiled) if compiled is not None else {}
    return tuple(
        Diagnostic(
            "envoy-refused",
            Severity.ERROR,
            f"Envoy `{nack.node}` refused {kind} `{name}`: {nack.error}",
            places.get((nack.type_url, name)),
            "made here",
            hint="its last good version is kept; this one is not sent again until it changes, on "
            "SIGHUP, or where a rollout took it back, by `gatewright rollout promote --force`",
        )
        for name in nack.names or ("(unknown)",)
    )


def origins(compiled: Compiled) -> dict[tuple[str, str], Span]:
    """The lines that made each resource of any group, by type URL and name."""
    found: dict[tuple[str, str], Span] = {}
    for build in compiled.fleet:
        found.update(build.lowered.origins)
    found.update(compiled.lowered.origins)
    return found


def unreadable(published: Published, compiled: Compiled) -> tuple[Diagnostic, ...]:
    """One diagnostic a secret that cannot be read; a warning where its last value is kept."""
    from compiler.diagnostic import Diagnostic, Label, Severity
    from policies.secret import SecretKind

    found: list[Diagnostic] = []
    secrets = compiled.lowered.secrets
    tokens = {ref.name for ref in secrets if ref.kind is SecretKind.GOOGLE_TOKEN}
    for one in published.unresolved:
        places = _places(one.name, compiled)
        what = "gives no access token" if one.name in tokens else "cannot be read"
        found.append(
            Diagnostic(
                "unreadable-secret",
                Severity.WARNING if one.kept else Severity.ERROR,
                f"`{one.source}` {what}: {one.reason}",
                places[0] if places else None,
                "needed here",
                tuple(Label(span, "and here") for span in places[1:]),
                hint="its last value is served on"
                if one.kept
                else "what needs it keeps its last good version, or is left out; it goes live as "
                "soon as the secret can be read (a variable: after a restart)",
            )
        )
    return tuple(found)


def _places(secret: str, compiled: Compiled) -> list[Span]:
    """The lines that made the resources which name a secret, in the order of the files."""
    from xds.references import mentions

    origins = compiled.lowered.origins
    spans = {
        origins[url, one.name]
        for url, resources in compiled.snapshot.types.items()
        for one in resources.by_name.values()
        if (url, one.name) in origins and mentions(one.body, secret)
    }
    return sorted(spans)
