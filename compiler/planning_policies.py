"""Policies of a document, planned, with the defaults that stand in for those not written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.linking.linked import Linked
from compiler.plan_policies import Applied
from compiler.schema.attached import policy_documents
from compiler.source import Path
from policies.base import Place
from policies.document import Document
from policies.registry import kinds_at


def plan_policies(
    document: Document,
    place: Place,
    path: Path,
    linked: Linked,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[Applied, ...]:
    """Plan the policies of a document, in the registry's order.

    ``defaults`` are documents by kind for kinds that are not written; a default's place is its line
    in ``defaults:``, or the thing itself where that section does not say it.
    """
    written = {kind.name: given for kind, given in policy_documents(document, place)}
    missing = {} if defaults is None else defaults
    applied = []
    for name, kind in kinds_at(place).items():
        if name in written:
            applied.append(Applied(name, kind.plan(written[name]), linked.locate((*path, name))))
        elif name in missing:
            said = name in linked.document.defaults.model_fields_set
            at = linked.locate(("defaults", name) if said else path)
            applied.append(Applied(name, kind.plan(missing[name]), at))
    return tuple(applied)
