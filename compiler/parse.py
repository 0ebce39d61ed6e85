"""The second stage: nodes to documents. Every value is judged by itself; names meet in `link`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from compiler.diagnostic import Reporter
from compiler.node import Node, key_place, place, plain
from compiler.refused import refused
from compiler.schema import GatewayDocument
from compiler.source import Path, Span


@dataclass(frozen=True, slots=True)
class Parsed:
    """The documents, and where they were written.

    ``locate`` gives a place for any path of the document, as `compiler.node.place` does, and
    ``locate_key`` that of the key at its end, where it is written.
    """

    document: GatewayDocument
    locate: Callable[[Path], Span]
    locate_key: Callable[[Path], Span] | None = None


def parse(root: Node, reporter: Reporter) -> Parsed:
    """Check the shape of a policy, and report all that is wrong with it in the order of the text.

    After a fault the document is an empty one, and no later stage may look at it.
    """
    try:
        document = GatewayDocument.model_validate(plain(root))
    except ValidationError as error:
        for diagnostic in refused(error, root, GatewayDocument):
            reporter.add(diagnostic)
        document = GatewayDocument.model_construct(gatewright="v1", name="")

    def locate(path: Path) -> Span:
        return place(root, path)

    def locate_key(path: Path) -> Span:
        return key_place(root, path)

    return Parsed(document, locate, locate_key)
