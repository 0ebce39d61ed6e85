"""What each key of a document is for: the string below its field, read when somebody asks.

Pydantic can read these strings whenever a document is made (``use_attribute_docstrings``), which
costs a third of the start of every command; they are wanted only by editors, docs and hints.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel


@cache
def field_docs(document: type[BaseModel]) -> Mapping[str, str]:
    """Give what a document's fields are for, by the names of the fields.

    An explicit ``Field(description=...)`` goes first. Without the source text there is nothing.
    """
    docs: dict[str, str] = {}
    for kind in reversed(document.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            docs.update(docs_below(kind))
    for name, field in document.model_fields.items():
        if field.description:
            docs[name] = field.description
    return docs


def docs_below(kind: type) -> dict[str, str]:
    """Read the strings that stand right below the fields of one class, of whatever sort."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        return {}
    (written,) = ast.parse(dedent(source)).body
    if not isinstance(written, ast.ClassDef):
        return {}
    docs: dict[str, str] = {}
    for above, below in pairwise(written.body):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = inspect.cleandoc(text)
    return docs
