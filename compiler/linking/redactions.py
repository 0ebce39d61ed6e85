"""Redactions: detectors that exist, keys where they are needed, and somebody who uses them."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.schema.redactions import RedactionDocument, Replacement, Said
from compiler.source import Path
from policies.values import shown
from xds.edge.detectors import DETECTORS, GROUPS

_MANY = "national_ids"


def link_redactions(document: GatewayDocument, findings: Findings) -> None:
    """Check all redactions, and all places that name them."""
    for name, redaction in document.redactions.items():
        _check(name, redaction, ("redactions", name), findings)
    for names, path in _named(document):
        for place, name in enumerate(names):
            if name not in document.redactions:
                findings.unknown(
                    "redaction",
                    "redactions",
                    name,
                    document.redactions,
                    f"redaction `{name}` is to hold here",
                    (*path, place),
                )
    for place, route in enumerate(document.routes):
        if route.redact and route.serve is None:
            findings.error(
                "redact-without-models",
                "`redact` is about requests for models, and this route serves none",
                ("routes", place, "redact"),
                hint="remove it, or write `serve: llm`",
            )


def check_unused_redactions(document: GatewayDocument, findings: Findings) -> None:
    """Warn of redactions that hold nowhere."""
    used = {name for names, _ in _named(document) for name in names}
    for name in document.redactions:
        if name not in used:
            findings.warning(
                "unused-redaction",
                f"redaction `{name}` holds nowhere",
                ("redactions", name),
                "never used",
                hint=f"write `redact: {name}` on the gateway, a route, a tier or a tenant",
            )


def _named(document: GatewayDocument) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Give all lists of redactions with their places."""
    yield document.redact, ("redact",)
    for place, route in enumerate(document.routes):
        yield route.redact, ("routes", place, "redact")
    for name, tier in document.tiers.items():
        yield tier.redact or (), ("tiers", name, "redact")
    for name, tenant in document.tenants.items():
        yield tenant.redact or (), ("tenants", name, "redact")


def _check(name: str, written: RedactionDocument, path: Path, findings: Findings) -> None:
    known = _detectors(written, path, findings)
    if not known:
        findings.error(
            "empty-redaction",
            f"redaction `{name}` looks for nothing",
            path,
            hint="write `detect: pii`, or `patterns` or `words` of your own",
        )
        return
    for detector in written.actions:
        if detector not in known:
            close = did_you_mean(detector, known)
            group = detector in GROUPS
            findings.error(
                "unknown-detector",
                f"`{detector}` has an action, and redaction `{name}` does not look for it",
                (*path, "actions", detector),
                "a group of detectors" if group else "no detector of this redaction",
                hint="name the detectors of the group one by one"
                if group
                else f"did you mean `{close}`?"
                if close
                else f"add `{detector}` to `detect`, or remove it here",
            )
    _check_actions(name, written, known, path, findings)
    for pattern_name, pattern in written.patterns.items():
        _check_pattern(pattern, (*path, "patterns", pattern_name), findings)


def _detectors(written: RedactionDocument, path: Path, findings: Findings) -> dict[str, Path]:
    """Give the names of all detectors of a redaction, with the place where each is written."""
    known: dict[str, Path] = {}
    for place, word in enumerate(written.detect):
        at: Path = (*path, "detect", place)
        if word == _MANY:
            findings.warning(
                "many-national-ids",
                "the numbers of all countries are looked for: one of five numbers of nine to "
                "eleven digits is taken for some country's",
                at,
                hint="name the countries: `us_ssn`, `de_idnr`, `fr_nir`",
            )
        if word not in GROUPS and word not in DETECTORS:
            close = did_you_mean(word, [*GROUPS, *DETECTORS])
            groups = ", ".join(f"`{group}`" for group in GROUPS)
            findings.error(
                "unknown-detector",
                f"there is no detector {shown(word)}",
                at,
                "no such detector",
                hint=f"did you mean `{close}`?"
                if close
                else f"there are the groups {groups}, and their members; or write `patterns`",
            )
        for member in GROUPS.get(word, (word,)):
            known.setdefault(member, at)
    for key in ("patterns", "words"):
        for own in getattr(written, key):
            _add(own, (*path, key, own), known, findings)
    for place, entity in enumerate(written.entities):
        _add(entity.lower(), (*path, "entities", place), known, findings)
    return known


def _add(name: str, path: Path, known: dict[str, Path], findings: Findings) -> None:
    other = known.setdefault(name, path)
    if other != path:
        findings.error(
            "duplicate-detector",
            f"two detectors of this redaction have the name `{name}`",
            path,
            "the same name",
            labels=[(other, "first here")],
            hint="rename one of them: placeholders are named after it",
        )
    elif name in DETECTORS or name in GROUPS:
        findings.error(
            "duplicate-detector",
            f"`{name}` is the name of a {'group' if name in GROUPS else 'detector'} that is "
            "built in",
            path,
            hint="give yours another name",
        )


def _check_actions(
    name: str, written: RedactionDocument, known: dict[str, Path], path: Path, findings: Findings
) -> None:
    used = {written.actions.get(detector, written.replace) for detector in known}
    hashing = next(
        (
            at
            for is_hash, at in (
                (
                    Replacement.HASH is written.replace and Replacement.HASH in used,
                    ("replace",),
                ),
                *(
                    (action is Replacement.HASH, ("actions", one))
                    for one, action in written.actions.items()
                ),
                (written.answers is Said.HASH, ("answers",)),
            )
            if is_hash
        ),
        None,
    )
    if hashing is not None and written.hash_key is None:
        findings.error(
            "hash-without-key",
            f"redaction `{name}` hashes, and has no key: whoever guesses a value could check it",
            (*path, *hashing),
            hint="add `hash_key: env:REDACTION_KEY`, with at least 16 random bytes",
        )
    elif hashing is None and written.hash_key is not None:
        findings.warning(
            "idle-hash-key",
            f"redaction `{name}` hashes nothing",
            (*path, "hash_key"),
            "never used",
            hint="remove it, or write `replace: hash`",
        )
    if written.restore and Replacement.PLACEHOLDER not in used:
        findings.warning(
            "nothing-to-restore",
            f"nothing comes back into answers: redaction `{name}` makes no placeholders",
            (*path, "restore"),
            labels=[((*path, "replace"), "because of this")],
            hint="write `replace: placeholder`, or remove `restore`",
        )


def _check_pattern(pattern: str, path: Path, findings: Findings) -> None:
    """Have RE2 itself read a pattern, and refuse one that is found everywhere."""
    import re2  # type: ignore[import-untyped] # it has no types, and few policies need it

    options = re2.Options()
    options.log_errors = False
    try:
        everywhere = re2.compile(pattern, options).search("") is not None
    except re2.error:
        findings.error(
            "bad-regex", "RE2 does not know this expression", path, hint="the syntax is RE2's"
        )
        return
    if everywhere:
        findings.error(
            "empty-pattern",
            "this pattern is found in every text: it matches nothing at all",
            path,
            hint="write what must be there at least, such as `+` in place of `*`",
        )
