"""Named entities (persons, places) by presidio, an optional extra.

A model reads every text: some fifteen milliseconds for two kilobytes, a thousand times what the
patterns take. Source: microsoft.github.io/presidio, `AnalyzerEngine.analyze`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from ext_authz.redact.detector import Span
from ext_authz.redact.detectors.patterns import check_name
from ext_authz.redact.errors import DetectorError

_LIKELY: Final = 0.5


class EntityFinder:
    """Asks an analyzer for one kind of entity, for example `PERSON`."""

    def __init__(
        self, entity: str, *, language: str = "en", likely: float = _LIKELY, engine: Any = None
    ) -> None:
        self.name = entity.lower()
        check_name(self.name)
        self._entity = entity
        self._language = language
        self._likely = likely
        self._engine = shared_engine() if engine is None else engine

    def find(self, text: bytes) -> Iterable[Span]:
        """Return the spans of entities that the model is sure enough of."""
        said = text.decode("utf-8", "replace")
        for result in self._engine.analyze(
            text=said,
            language=self._language,
            entities=[self._entity],
            score_threshold=self._likely,
        ):
            start = len(said[: result.start].encode())
            yield start, start + len(said[result.start : result.end].encode())


@cache
def shared_engine() -> Any:
    """Load the analyzer, once: it takes seconds, and hundreds of megabytes."""
    try:
        module = importlib.import_module("presidio_analyzer")
    except ImportError:
        raise DetectorError("named entities need the package presidio-analyzer") from None
    try:
        return module.AnalyzerEngine()
    except (Exception, SystemExit) as error:
        # Without its model it fetches one, by a command that ends the process where it fails.
        raise DetectorError(
            f"presidio-analyzer cannot start ({type(error).__name__}): install the model that it "
            "reads with, for example by `python -m spacy download en_core_web_lg`"
        ) from error
