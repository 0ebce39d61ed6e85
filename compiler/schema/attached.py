"""The keys that policy kinds add to the documents of listeners, services, providers and routes.

The documents are made from ``policies.registry`` when this package is imported, so that a new
policy kind needs no line here. Code reads such keys by ``policy_documents``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from pydantic import Field, create_model

from policies.base import Place, PolicyKind
from policies.document import Document, Maybe
from policies.registry import KINDS

D = TypeVar("D", bound=Document)


@cache
def kinds_at(place: Place) -> tuple[PolicyKind[Any], ...]:
    """Give the policy kinds whose key may stand at ``place``, in the registry's order."""
    return tuple(kind for kind in KINDS if place in kind.places)


def with_policies(core: type[D], name: str, place: Place) -> type[D]:
    """Make the document ``name``: the keys of ``core`` and those of the policies at ``place``."""
    fields: dict[str, Any] = {
        kind.name: (Maybe[kind.document], Field(default=None, description=_about(kind)))
        for kind in kinds_at(place)
    }
    return create_model(
        name, __base__=core, __module__=core.__module__, __doc__=core.__doc__, **fields
    )


def policy_documents(document: Document, place: Place) -> Iterator[tuple[PolicyKind[Any], Any]]:
    """Give each policy written in ``document`` with its kind, in the registry's order."""
    for kind in kinds_at(place):
        written = getattr(document, kind.name)
        if written is not None:
            yield kind, written


def _about(kind: PolicyKind[Any]) -> str:
    """Take the first paragraph of the kind's page, for editors."""
    return inspect.cleandoc(kind.docs).partition("\n\n")[0].replace("\n", " ")
