"""Redactions of the plan: the rules that the edge goes by, and the secret of those that hash."""

from __future__ import annotations

from compiler.linking.linked import Linked
from compiler.plan_llm import Redaction
from compiler.schema.redactions import RedactionDocument, Said
from policies.secret import SecretKind, SecretRef
from xds.edge import processing
from xds.edge.processing import Pattern


def plan_redactions(linked: Linked) -> tuple[Redaction, ...]:
    """Plan all redactions, sorted by name."""
    return tuple(
        _redaction(name, written, linked)
        for name, written in sorted(linked.document.redactions.items())
    )


def _redaction(name: str, written: RedactionDocument, linked: Linked) -> Redaction:
    key = None if written.hash_key is None else SecretRef(SecretKind.GENERIC, (written.hash_key,))
    own = [Pattern(name=one, pattern=pattern) for one, pattern in written.patterns.items()]
    own += [
        Pattern(name=one, words=tuple(sorted(set(words)))) for one, words in written.words.items()
    ]
    rules = processing.Redaction(
        detect=tuple(sorted(set(written.detect))),
        patterns=tuple(sorted(own, key=lambda one: one.name)),
        entities=tuple(sorted(set(written.entities))),
        language=written.language,
        action=written.replace.value,
        actions={one: action.value for one, action in sorted(written.actions.items())},
        answers="" if written.answers is Said.PASS else written.answers.value,
        restore=written.restore is not False,
        scope=written.when,
        hash_key="" if key is None else key.name,
    )
    return Redaction(name, rules, key, linked.locate(("redactions", name)))
