"""A policy as an editor has it: texts that may be wrong, and what was last right of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from compiler.diagnostic import Diagnostic
from compiler.language.names import Declaration, Named, declarations
from compiler.language.outline import outline
from compiler.language.token import Token
from compiler.pipeline import compile_sources
from compiler.plan import Plan
from compiler.read import Sources
from compiler.source import SourceFile


@dataclass(frozen=True, slots=True)
class Understood:
    """What is known of a policy: its texts as they are, and the plan as it last was.

    ``plan`` None: it was never right. ``stale``: it is of an earlier text.
    """

    sources: Sources
    diagnostics: tuple[Diagnostic, ...]
    outlines: dict[str, tuple[Token, ...]]
    declared: tuple[Declaration, ...]
    plan: Plan | None
    stale: bool

    def declarations(self, named: Named, name: str | None = None) -> Iterator[Declaration]:
        """Give the declarations of one kind, of one name where it is given."""
        for one in self.declared:
            if one.named is named and name in (None, one.name):
                yield one

    def text(self, file: str) -> str:
        """Give a file's text; empty where there is none."""
        source = self.sources.find(file)
        return "" if source is None else source.text


def understand(sources: Sources, before: Understood | None = None) -> Understood:
    """Compile a policy as far as it goes; what does not compile keeps the plan of ``before``."""
    compiled = compile_sources(sources)
    outlines: dict[str, tuple[Token, ...]] = {}
    for source in (*sources.policies, *sources.broken):
        if before is not None and before.text(source.name) == source.text:
            known = before.outlines.get(source.name)
        else:
            known = None
        outlines[source.name] = outline(source.text) if known is None else known
    declared = tuple(one for file, tokens in outlines.items() for one in declarations(file, tokens))
    plan = compiled.plan if compiled.ok else None
    if plan is None and before is not None:
        plan = before.plan
    return Understood(
        sources, compiled.diagnostics, outlines, declared, plan, stale=not compiled.ok
    )


def retold(known: Understood, file: str, text: str) -> Understood:
    """Give the same with another text of a file, read but not compiled: what is typed just now."""
    if known.text(file) == text and file in known.outlines:
        return known
    tokens = outline(text)
    others = tuple(one for one in known.declared if one.file != file)
    policies = tuple(one for one in known.sources.policies if one.name != file)
    changed = replace(known.sources, policies=(*policies, SourceFile(file, text)))
    return replace(
        known,
        sources=changed,
        outlines={**known.outlines, file: tokens},
        declared=(*others, *declarations(file, tokens)),
    )


NOTHING = Understood(Sources(()), (), {}, (), None, stale=False)
"""What is known before anything was read."""
