"""Put key sets that stand in files of their own where issuers name them.

``jwks: file:corp.jwks.json`` becomes the text of that file. It keeps its place in the policy: a key
set is made by a program, and what is wrong with it is wrong as a whole.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping as Dict

from compiler.diagnostic import Reporter, did_you_mean
from compiler.key_set import HINTS, fault_of
from compiler.node import Mapping, Node, Scalar
from compiler.read import KEY_SET, Sources
from compiler.source import SourceFile

_FILE = "file:"
_WHERE = f"key sets are files that are called `{KEY_SET}`, or end with `.{KEY_SET}`"


def graft_key_sets(root: Mapping, sources: Sources, reporter: Reporter) -> Mapping:
    """Give the policy with each issuer's key set in the place of its file's name.

    A path is relative to the policy file that names it, and stays below the policy's root.
    """
    issuers = root.entries.get("issuers")
    if issuers is None or not isinstance(issuers.value, Mapping):
        return root
    known = {source.name: source for source in sources.key_sets}
    grafted: dict[str, Node] = {}
    for name, issuer in issuers.value.entries.items():
        named = _named(issuer.value)
        if named is None or not isinstance(issuer.value, Mapping):
            continue
        text = _text(named, sources, known, reporter)
        if text is None:
            continue
        keys = Scalar(named.lines, named.start, named.end, text, named.plain)
        grafted[name] = issuer.value.replaced({"jwks": keys})
    return root.replaced({"issuers": issuers.value.replaced(grafted)}) if grafted else root


def _named(issuer: Node) -> Scalar | None:
    """Give the text ``file:PATH`` of an issuer; other forms are for `parse` to judge."""
    if not isinstance(issuer, Mapping) or "jwks" not in issuer.entries:
        return None
    jwks = issuer.entries["jwks"].value
    if not isinstance(jwks, Scalar) or not isinstance(jwks.value, str):
        return None
    return jwks if jwks.value.startswith(_FILE) else None


def _text(
    named: Scalar, sources: Sources, known: Dict[str, SourceFile], reporter: Reporter
) -> str | None:
    """Give a key set's text, on one line and in one spelling; None where it was reported."""
    written = str(named.value).removeprefix(_FILE)
    policy = named.lines.source.name.removeprefix(sources.root)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(policy), written))
    if path.startswith(("/", "../")) or path == "..":
        reporter.error(
            "key-set-outside-policy",
            f"`{written}` lies outside of the policy's folder",
            named.span,
            hint="a key set stands beside the policy, or in a folder below it",
        )
        return None
    source = known.get(sources.root + path)
    if source is None:
        if any(one.name == sources.root + path for one in sources.broken):
            return None  # it cannot be read, and that was reported
        close = did_you_mean(sources.root + path, known)
        shown = close.removeprefix(sources.root) if close else ""
        reporter.error(
            "unknown-key-set",
            f"there is no key set `{path}`",
            named.span,
            hint=f"did you mean `{shown}`?" if close else _WHERE,
        )
        return None
    fault = fault_of(source.text)
    if fault is None:
        return json.dumps(json.loads(source.text), separators=(",", ":"), sort_keys=True)
    code, message = fault
    reporter.error(code, f"`{path}` {message}", named.span, hint=HINTS[code])
    return None
