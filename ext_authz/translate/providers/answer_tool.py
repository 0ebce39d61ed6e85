"""An answer in JSON from models that have no word for it: in a tool's arguments, or by asking.

A tool with the answer's schema stands among the others, and one of them must be called; on the way
back `Unwrapping` takes it off again.
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from ext_authz.translate.conversation import Ask, Format, Text, Tool, ToolChoice, Turn

JSON_ONLY: Final = "Answer with one JSON object and nothing else."
"""What the system says where any object will do."""

_TOLD: Final = "Give the answer by calling this tool."


def told(form: Format) -> str:
    """What the tool says that it is for."""
    return form.description or _TOLD


def answered_by_tool(ask: Ask) -> tuple[Ask, str]:
    """The same request without its format, and the name of the tool that stands for it, or ""."""
    form = ask.format
    if form is None:
        return ask, ""
    if form.schema is None:
        words = Turn("system", (Text(JSON_ONLY),))
        return structs.replace(ask, turns=(*ask.turns, words), format=None), ""
    choice = ask.choice
    names: tuple[str, ...] = ()
    if choice and choice.mode == "none":
        names = (form.name,)
    elif choice and choice.names:
        names = choice.names if choice.mode == "required" else (*choice.names, form.name)
    asked = structs.replace(
        ask,
        tools=(*ask.tools, Tool(form.name, told(form), form.schema)),
        choice=ToolChoice("required", names),
        format=None,
    )
    return asked, form.name
