"""The keys that policy kinds add to the documents of listeners, services, providers and routes.

The documents are made from ``policies.registry`` when this package is imported, so that a new
policy kind needs no line here. Code reads such keys by ``policy_documents``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import Field, create_model

from policies.base import Place, PolicyKind
from policies.document import Document, Maybe
from policies.registry import kinds_at

D = TypeVar("D", bound=Document)


def with_policies(place: Place) -> Callable[[type[D]], type[D]]:
    """Add the keys of the policies at ``place`` to a document; a class decorator.

    To the type checker the document stays what is written; the added keys are for
    ``policy_documents``.
    """

    def extend(core: type[D]) -> type[D]:
        maybe: Any = Maybe
        fields: dict[str, Any] = {
            kind.name: (maybe[kind.document], Field(default=None, description=_about(kind)))
            for kind in kinds_at(place).values()
        }
        return create_model(
            core.__name__, __base__=core, __module__=core.__module__, __doc__=core.__doc__, **fields
        )

    return extend


def policy_documents(document: Document, place: Place) -> Iterator[tuple[PolicyKind[Any], Any]]:
    """Give each policy written in ``document`` with its kind, in the registry's order."""
    for kind in kinds_at(place).values():
        written = getattr(document, kind.name)
        if written is not None:
            yield kind, written


def _about(kind: PolicyKind[Any]) -> str:
    """Take the first paragraph of the kind's page, for editors."""
    return inspect.cleandoc(kind.docs or kind.name).partition("\n\n")[0].replace("\n", " ")
