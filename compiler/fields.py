"""Which keys the language has at a place: read off the documents' types."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from compiler.source import Path
from policies.document import Unfold
from policies.field_docs import field_docs


class _Form(NamedTuple):
    """A type that may stand at a place, and what its annotation says besides."""

    kind: Any
    metadata: tuple[Any, ...]


def fields_at(document: type[BaseModel], path: Path) -> dict[str, FieldInfo]:
    """Give the fields that may be written in the mapping at ``path``, by key.

    Steps that are no key and no index (the tags that pydantic puts into the places of errors in
    unions) are passed over. Empty where the place is no document, such as a mapping of any names.
    """
    fields: dict[str, FieldInfo] = {}
    for form in _forms_at(document, path):
        if _is_document(form.kind):
            fields.update(_fields(form.kind))
    return fields


def short_forms_at(document: type[BaseModel], path: Path) -> tuple[str, ...]:
    """Give the JSON Schema types of the shorthands that ``path`` offers, e.g. ``("string",)``."""
    shorts: dict[str, None] = {}
    for form in _forms_at(document, path):
        if form.kind is str:
            shorts["string"] = None
        for said in form.metadata:
            if isinstance(said, Unfold):
                shorts[str(said.short.get("type", ""))] = None
    return tuple(kind for kind in shorts if kind)


def _forms_at(document: type[BaseModel], path: Path) -> list[_Form]:
    forms = [_Form(document, ())]
    for step in path:
        inner = [found for form in forms for found in _step(form.kind, step)]
        forms = inner or forms
    return forms


def _is_document(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@cache
def _fields(document: type[BaseModel]) -> dict[str, FieldInfo]:
    docs = field_docs(document)
    fields: dict[str, FieldInfo] = {}
    for name, field in document.model_fields.items():
        described = copy(field)
        described.description = docs.get(name)
        fields[field.alias or name] = described
    return fields


def _step(kind: Any, step: str | int) -> Iterator[_Form]:
    """Give the forms that may stand one step below a type."""
    origin = get_origin(kind)
    if _is_document(kind):
        field = _fields(kind).get(step) if isinstance(step, str) else None
        if field is not None:
            yield from _unwrapped(field.annotation, tuple(field.metadata))
    elif origin is dict and isinstance(step, str):
        yield from _unwrapped(get_args(kind)[1])
    elif origin in (list, tuple) and isinstance(step, int):
        for inner in get_args(kind):
            if inner is not Ellipsis:
                yield from _unwrapped(inner)


def _unwrapped(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[_Form]:
    """Give the types of an annotation, each with what is wrapped around it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *said = get_args(annotation)
        yield from _unwrapped(inner, (*metadata, *said))
    elif origin in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _unwrapped(inner, metadata)
    else:
        yield _Form(annotation, metadata)
