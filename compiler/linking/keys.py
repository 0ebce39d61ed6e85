"""Keys: each hash is one key's, and each key is good at some time."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.schema.keys import KeyDocument
from compiler.source import Path


def keys_of(document: GatewayDocument) -> Iterator[tuple[str, KeyDocument, Path]]:
    """Give each key with its id (``TENANT/KEY``, ``TENANT/TEAM/KEY``) and its place."""
    for name, tenant in document.tenants.items():
        for key, written in tenant.keys.items():
            yield f"{name}/{key}", written, ("tenants", name, "keys", key)
        for team, part in tenant.teams.items():
            for key, written in part.keys.items():
                path: Path = ("tenants", name, "teams", team, "keys", key)
                yield f"{name}/{team}/{key}", written, path


def link_keys(document: GatewayDocument, findings: Findings) -> None:
    """Check all keys against each other. Hashes are shown by their places, never in words."""
    first: dict[bytes, tuple[str, Path]] = {}
    for name, written, path in keys_of(document):
        _check_one(name, written.sha256, (*path, "sha256"), first, findings)
        if written.previous is not None:
            at = (*path, "previous", "sha256")
            _check_one(name, written.previous.sha256, at, first, findings)
        if written.starts is not None and written.expires is not None:
            _check_times(name, written, path, findings)


def _check_one(
    name: str,
    digest: bytes,
    path: Path,
    first: dict[bytes, tuple[str, Path]],
    findings: Findings,
) -> None:
    other, at = first.setdefault(digest, (name, path))
    if at is not path:
        same = "twice" if other == name else f"that of `{other}` too"
        findings.error(
            "duplicate-key",
            f"the key `{name}` is {same}: the same SHA-256",
            path,
            "the same key",
            labels=[(at, "first here")],
            hint="a key belongs to one; `gatewright keys create` makes another",
        )


def _check_times(name: str, written: KeyDocument, path: Path, findings: Findings) -> None:
    starts, expires = written.starts, written.expires
    if starts is not None and expires is not None and starts >= expires:
        findings.error(
            "key-never-good",
            f"the key `{name}` expires before it starts",
            (*path, "expires"),
            labels=[((*path, "starts"), "starts here")],
            hint="write a later `expires`",
        )
