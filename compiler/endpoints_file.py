"""Put lists of endpoints that stand in files of their own where services name them.

``endpoints: { file: endpoints/orders.yaml }`` becomes the list of that file. The nodes keep their
places, so that a fault in an endpoint is shown in the endpoints file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection

from compiler.compose import compose
from compiler.diagnostic import Label, Reporter, did_you_mean
from compiler.lines import Lines
from compiler.node import Mapping, Node, Scalar, Sequence
from compiler.read import ENDPOINTS, Sources


def graft(root: Mapping, sources: Sources, reporter: Reporter) -> Mapping:
    """Give the policy with each service's endpoints file in its place.

    A path is relative to the policy file that names it, and stays below the policy's root.
    """
    services = root.entries.get("services")
    if services is None or not isinstance(services.value, Mapping):
        return root
    known = {source.name: source for source in sources.endpoints}
    lists: dict[str, Node | None] = {}
    grafted: dict[str, Node] = {}
    for name, service in services.value.entries.items():
        file = _file(service.value)
        if file is None or not isinstance(service.value, Mapping):
            continue
        target = _resolved(file, sources, known, reporter)
        if target is None:
            continue
        if target not in lists:
            lists[target] = _list(Lines(known[target]), file, reporter)
        found = lists[target]
        if found is not None:
            grafted[name] = service.value.replaced({"endpoints": found})
    if not grafted:
        return root
    return root.replaced({"services": services.value.replaced(grafted)})


def _file(service: Node) -> Scalar | None:
    """Give the text of ``endpoints: { file: <text> }``; other forms are for `parse` to judge."""
    if not isinstance(service, Mapping) or "endpoints" not in service.entries:
        return None
    endpoints = service.entries["endpoints"].value
    if not isinstance(endpoints, Mapping) or set(endpoints.entries) != {"file"}:
        return None
    file = endpoints.entries["file"].value
    return file if isinstance(file, Scalar) and isinstance(file.value, str) else None


def _resolved(
    file: Scalar, sources: Sources, known: Collection[str], reporter: Reporter
) -> str | None:
    """Give the name of the source that ``file`` names, or report why there is none."""
    policy = file.lines.source.name.removeprefix(sources.root)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(policy), str(file.value)))
    if path.startswith(("/", "../")) or path == "..":
        reporter.error(
            "endpoints-outside-policy",
            f"`{file.value}` lies outside of the policy's folder",
            file.span,
            hint="an endpoints file stands below the policy: `endpoints/<name>.yaml`",
        )
        return None
    name = sources.root + path
    if name in known:
        return name
    if any(source.name == name for source in sources.broken):
        return None  # it cannot be read, and that was reported
    if any(source.name == name for source in sources.policies):
        hint: str = f"move it into a folder `{ENDPOINTS}`: other files are policies"
    else:
        meant = did_you_mean(name, known)
        shown = meant.removeprefix(sources.root) if meant else ""
        hint = f"did you mean `{shown}`?" if meant else _WHERE
    reporter.error(
        "unknown-endpoints-file", f"there is no endpoints file `{path}`", file.span, hint=hint
    )
    return None


_WHERE = f"endpoints files are `.yaml` or `.yml` files in a folder `{ENDPOINTS}` of the policy"


def _list(lines: Lines, named: Scalar, reporter: Reporter) -> Node | None:
    """Load an endpoints file; it is a list."""
    before = len(reporter.diagnostics)
    node = compose(lines, reporter)
    if isinstance(node, Sequence) or len(reporter.diagnostics) > before:
        return node if isinstance(node, Sequence) else None
    reporter.error(
        "not-a-list",
        f"`{lines.source.name}` is no list of endpoints",
        node.span if node is not None else lines.span(0, 0),
        labels=(Label(named.span, "named here"),),
        hint="write one endpoint a line: `- orders.internal:8080`",
    )
    return None
