"""Turns as strict providers want them: user and assistant in alternation, a user first.

Anthropic, Bedrock and Gemini refuse histories that OpenAI takes: several messages of one role in
a row, an assistant that begins, results of tools that do not follow their calls at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from ext_authz.translate.conversation import Part, Reasoning, Redacted, Text, ToolResult, Turn

Alternate = tuple[Literal["user", "assistant"], list[Part]]

_OPENING: Final = Text(".")
"""What a conversation begins with whose first words are the assistant's."""


def alternate(turns: Sequence[Turn]) -> tuple[list[Text], list[Alternate]]:
    """Split off the system's texts, in their order, and merge turns of one role.

    Empty texts and unsigned thoughts are left out, and turns that hold nothing else. Within a
    user's turn the results of tools come first. The last thing that the assistant said is what the
    answer goes on from: it must not end in white space.
    """
    system: list[Text] = []
    merged: list[Alternate] = []
    before = ""
    mixed = False
    for turn in turns:
        role = turn.role
        if role == "system":
            system += [part for part in turn.parts if type(part) is Text and _says(part)]
            continue
        says: list[Part] = merged[-1][1] if role == before else []
        for part in turn.parts:
            if type(part) is Text:
                if not _says(part):
                    continue
            elif type(part) is Reasoning:
                if not part.signature:
                    continue
            elif type(part) is ToolResult and says and type(says[-1]) is not ToolResult:
                mixed = True
            says.append(part)
        if says and role != before:
            merged.append((role, says))
            before = role
    if mixed:
        merged = [
            (role, _results_first(parts) if role == "user" else parts) for role, parts in merged
        ]
    if merged and merged[0][0] == "assistant":
        merged.insert(0, ("user", [_OPENING]))
    if not merged and system:
        # Nothing but a system prompt: somebody has to ask.
        merged.append(("user", [system.pop()]))
    if merged and merged[-1][0] == "assistant":
        _trim(merged[-1][1])
    return system, merged


def resumes_unsigned(turns: Sequence[Alternate]) -> bool:
    """Whether the turn to go on from lacks the signed thoughts that it began with.

    With a budget to think Claude wants them, be it a turn whose calls are answered now or one that
    the answer continues; a client that talked to another provider before does not have them.
    """
    for back, (role, parts) in enumerate(reversed(turns)):
        if role == "assistant":
            if any(
                type(part) is Redacted or (type(part) is Reasoning and part.signature)
                for part in parts
            ):
                return False
        elif not any(type(part) is ToolResult for part in parts):
            return back > 0  # with these words of a person the turn began
    return bool(turns)


def _says(part: Text) -> bool:
    return bool(part.text) and not part.text.isspace()


def _results_first(parts: list[Part]) -> list[Part]:
    results: list[Part] = [part for part in parts if type(part) is ToolResult]
    return results + [part for part in parts if type(part) is not ToolResult]


def _trim(parts: list[Part]) -> None:
    last = parts[-1]
    if type(last) is Text:
        parts[-1] = Text(last.text.rstrip(), last.cache)
