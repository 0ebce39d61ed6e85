"""The order of keys: that in which the schema declares them, as docs/language.md shows it.

The schema is walked along with the text. A mapping of names (services, models, headers) keeps the
order in which it is written, and so does whatever the schema does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

from compiler.schema import GatewayDocument
from compiler.schema.services import ServiceDocument
from policies.document import Document

Kinds = tuple[Any, ...]
"""The annotations that a value may be of."""

ROOT: Kinds = (GatewayDocument,)


def endpoints() -> Kinds:
    """The kinds of a file of endpoints."""
    return below((ServiceDocument,), "endpoints")


def documents(kinds: Kinds) -> tuple[type[Document], ...]:
    """Give the documents that a mapping of these kinds may be."""
    return tuple(one for one in kinds if isinstance(one, type) and issubclass(one, Document))


def below(kinds: Kinds, key: str) -> Kinds:
    """Give what the value of a key may be."""
    found: list[Any] = []
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Document):
            found.extend(_fields(kind).get(key, ()))
        elif _origin(kind) is dict:
            found.extend(_choices(get_args(kind)[1]))
    return tuple(found)


def items(kinds: Kinds) -> Kinds:
    """Give what an item of a list may be."""
    found: list[Any] = []
    for kind in kinds:
        if _origin(kind) in (tuple, list):
            found.extend(_choices(get_args(kind)[0]))
    return tuple(found)


def rank(kinds: Kinds, keys: list[str]) -> dict[str, int] | None:
    """Give the place of each key in the document that knows most of them; None if none does."""
    best: dict[str, int] = {}
    known = 0
    for document in documents(kinds):
        places = {name: place for place, name in enumerate(_fields(document))}
        count = sum(key in places for key in keys)
        if count > known:
            best, known = places, count
    return best or None


def _origin(annotation: Any) -> Any:
    return get_origin(annotation)


@cache
def _fields(document: type[Document]) -> dict[str, Kinds]:
    return {
        field.alias or name: tuple(_choices(field.annotation))
        for name, field in document.model_fields.items()
    }


def _choices(annotation: Any) -> Iterator[Any]:
    """Give the members of a union, freed of what is annotated; a list's are found by `items`."""
    origin = _origin(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from _choices(get_args(annotation)[0])
    elif origin in (dict, tuple, list) or isinstance(annotation, type):
        yield annotation
    else:
        for member in get_args(annotation):
            yield from _choices(member)
