"""How a value of the language says why it is refused."""

from __future__ import annotations

from typing import NoReturn

from pydantic_core import PydanticCustomError


def refuse(code: str, message: str, hint: str) -> NoReturn:
    """Raise the error that the compiler turns into a diagnostic ``code`` with this hint.

    Braces in the message are kept as they are: they are text, not placeholders.
    """
    context = {"message": message, "hint": hint}
    raise PydanticCustomError(code, "{message}", context)


def shown(value: object) -> str:
    """Show what was written, quoted and short enough for one line. Not for secrets."""
    text = value if isinstance(value, str) else str(value).lower()
    text = text.replace("\n", " ")
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}...`"
