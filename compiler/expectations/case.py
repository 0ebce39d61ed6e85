"""The cases that tests stand for: one each, or one for each row of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from compiler.render.mask import mask_header
from compiler.schema.expected import ExpectDocument
from compiler.schema.given import NONE, GivenDocument
from compiler.schema.tests import CaseDocument, RequestDocument, TestDocument
from compiler.source import Path, Span
from policies.document import Document

D = TypeVar("D", bound=Document)
_MERGED = frozenset({"headers", "used", "latencies", "limits"})
"""Mappings of names, to which a row adds; of all others it has its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request in a world, and what is expected; ``at`` is where it is written.

    ``places`` are the paths of what it was put together from, the row's own first.
    """

    name: str
    request: RequestDocument
    given: GivenDocument
    expect: ExpectDocument
    at: Span = field(compare=False)
    places: tuple[Path, ...] = ()


def cases_of(tests: Iterable[TestDocument], locate: Any, root: Path = ("tests",)) -> list[Case]:
    """Give the cases of tests in the order of the text.

    ``locate`` gives the place of a path; ``root`` is where the tests stand.
    """
    return [
        case for index, test in enumerate(tests) for case in _of_test(test, (*root, index), locate)
    ]


def _of_test(test: TestDocument, path: Path, locate: Any) -> Iterator[Case]:
    if not test.cases:
        name_at = locate((*path, "name"))
        yield Case(test.name, test.request, test.given, test.expect, name_at, (path,))
        return
    for index, row in enumerate(test.cases):
        here: Path = (*path, "cases", index)
        yield Case(
            f"{test.name}: {row.name or _apart(row)}",
            overlaid(test.request, row.request),
            overlaid(test.given, row.given),
            overlaid(test.expect, row.expect),
            locate(here),
            (here, path),
        )


def overlaid(below: D, above: D) -> D:
    """Give what a row and its test say together: the row's keys, and the rest."""
    said = _written(below)
    for key, value in _written(above).items():
        merges = key in _MERGED and key in said
        said[key] = {**said[key], **value} if merges else value
    return cast("D", type(below).model_construct(**said))


def _written(document: Document) -> dict[str, Any]:
    """Give what is written, in the order of the language; a set has none."""
    said = document.model_fields_set
    keys = [key for key in type(document).model_fields if key in said]
    return {key: getattr(document, key) for key in (*(document.model_extra or ()), *keys)}


def _apart(row: CaseDocument) -> str:
    """Say what sets a row apart that has no name: its request and what is given."""
    request = _written(row.request)
    if "headers" in request:
        request["headers"] = _hidden(request["headers"])
    said = [_spelled(value) for value in request.values()]
    said += [f"{key} {_spelled(value)}" for key, value in _written(row.given).items()]
    return ", ".join(said) or "as above"


def _hidden(headers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A name is shown in reports that go to more people than the policy does."""
    return {
        name: tuple(mask_header(name, value) for value in values)
        for name, values in headers.items()
    }


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_spelled, value))
    if isinstance(value, dict):
        words = (f"{key} {_spelled(inner)}" for key, inner in value.items())
        return ", ".join(word.removeprefix(f"{NONE} ") for word in words)
    if isinstance(value, Document):
        return " ".join(_spelled(inner) for inner in _written(value).values()) or "ok"
    return str(value)
